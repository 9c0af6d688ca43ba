"""OpenAI's ``usage``: the token counts of a request."""

from __future__ import annotations

from typing import Any

from router.answers.submission import SubmittedRequest


def usage_of(submitted: SubmittedRequest) -> dict[str, Any]:
    """The sums over all choices; each prompt counts once, by its first choice.

    Raises:
        ApiError: a choice did not come to its end.
    """
    ends = submitted.done
    prompts = ends[:: submitted.record.choices_per_prompt]
    prompt_tokens = sum(end.prompt_tokens for end in prompts)
    completion_tokens = sum(end.completion_tokens for end in ends)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": sum(end.cached_tokens for end in prompts)},
    }
