"""Served models as Anthropic lists them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from router.jobs.served import ServedModel

VERSION_HEADER = "anthropic-version"
"""All of Anthropic's clients send it."""


def model_list(models: Sequence[ServedModel], created: int) -> dict[str, Any]:
    """All models on one page, with their adapters; ``created`` is in seconds since the epoch."""
    named = [(model, name) for model in models for name in (model.name, *model.adapters)]
    return {
        "data": [model_object(model, created, name) for model, name in named],
        "has_more": False,
        "first_id": named[0][1] if named else None,
        "last_id": named[-1][1] if named else None,
    }


def model_object(model: ServedModel, created: int, name: str | None = None) -> dict[str, Any]:
    """One model; ``name`` is another one that means it with an adapter."""
    return {
        "type": "model",
        "id": name or model.name,
        "display_name": name or model.name,
        "created_at": datetime.datetime.fromtimestamp(created, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens or None,
        "max_tokens": model.context_tokens or None,
    }
