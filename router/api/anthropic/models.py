"""Served models as Anthropic lists them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from router.jobs.served import ServedModel

VERSION_HEADER = "anthropic-version"
"""All of Anthropic's clients send it."""


def model_list(models: Sequence[ServedModel], created: int) -> dict[str, Any]:
    """All models on one page; ``created`` is in seconds since the epoch."""
    return {
        "data": [model_object(model, created) for model in models],
        "has_more": False,
        "first_id": models[0].name if models else None,
        "last_id": models[-1].name if models else None,
    }


def model_object(model: ServedModel, created: int) -> dict[str, Any]:
    """One model."""
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": datetime.datetime.fromtimestamp(created, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens or None,
        "max_tokens": model.context_tokens or None,
    }
