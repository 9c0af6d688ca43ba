"""OpenAI's ``usage``: the token counts of a request."""

from __future__ import annotations

from typing import Any

from router.jobs.consumption import Consumption


def usage_object(consumed: Consumption) -> dict[str, Any]:
    """The object that chats and completions end with."""
    return {
        "prompt_tokens": consumed.prompt_tokens,
        "completion_tokens": consumed.completion_tokens,
        "total_tokens": consumed.prompt_tokens + consumed.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": consumed.cached_tokens},
    }
