"""Log-probabilities in OpenAI's two formats."""

from __future__ import annotations

from typing import Any

from shared.wire.payloads import TokenLogprob

MIN_LOGPROB = -9999.0
"""What OpenAI sends for a probability of zero, since JSON has no infinity."""


def chat_logprobs(tokens: list[TokenLogprob]) -> dict[str, Any]:
    """The format of chat completions: one object per token."""
    return {
        "content": [
            {
                **_token(token.text, token.raw, token.logprob),
                "top_logprobs": [_token(text, raw, logprob) for text, raw, logprob in token.top],
            }
            for token in tokens
        ],
        "refusal": None,
    }


def completion_logprobs(tokens: list[TokenLogprob], alternatives: int, first_offset: int = 0) -> dict[str, Any]:
    """The older format of completions: parallel lists.

    Args:
        tokens: the tokens, in order.
        alternatives: the request's ``logprobs``; with 0, ``top_logprobs`` is null.
        first_offset: the number of characters before the first token.
    """
    offsets = []
    for token in tokens:
        offsets.append(first_offset)
        first_offset += len(token.text)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [_finite(token.logprob) for token in tokens],
        "top_logprobs": [_alternatives(token) for token in tokens] if alternatives else None,
        "text_offset": offsets,
    }


def _alternatives(token: TokenLogprob) -> dict[str, float]:
    """The alternatives by their text, with the chosen token among them, as OpenAI documents."""
    by_text = {text: _finite(logprob) for text, _, logprob in token.top}
    by_text.setdefault(token.text, _finite(token.logprob))
    return by_text


def _token(text: str, raw: bytes, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": _finite(logprob), "bytes": list(raw)}


def _finite(logprob: float) -> float:
    return logprob if logprob > MIN_LOGPROB else MIN_LOGPROB
