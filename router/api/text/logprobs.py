"""Log-probabilities in OpenAI's two formats."""

from __future__ import annotations

from typing import Any

from shared.wire.payloads import TokenLogprob

MIN_LOGPROB = -9999.0
"""What OpenAI sends for a probability of zero, since JSON has no infinity."""

REPLACEMENT = "\ufffd"
"""What invalid bytes are decoded to."""


def chat_logprobs(tokens: list[TokenLogprob]) -> dict[str, Any]:
    """The format of chat completions: one object per token."""
    return {
        "content": [
            {
                **token_logprob(token.text, token.raw, token.logprob),
                "top_logprobs": [token_logprob(text, raw, logprob) for text, raw, logprob in token.top],
            }
            for token in tokens
        ],
        "refusal": None,
    }


def completion_logprobs(tokens: list[TokenLogprob], alternatives: int) -> dict[str, Any]:
    """The older format of completions: parallel lists. The first token of an echoed prompt has nulls.

    Args:
        tokens: the tokens, in order.
        alternatives: the request's ``logprobs``; with 0, ``top_logprobs`` is null.
    """
    return {
        "tokens": [_name(token.text, token.raw) for token in tokens],
        "token_logprobs": [_finite(token.logprob) for token in tokens],
        "top_logprobs": [_alternatives(token) for token in tokens] if alternatives else None,
        "text_offset": [token.offset for token in tokens],
    }


def _alternatives(token: TokenLogprob) -> dict[str, float | None] | None:
    """The alternatives by their names, with the chosen token among them, as OpenAI documents."""
    if token.logprob is None:
        return None
    by_name: dict[str, float | None] = {}
    for text, raw, logprob in [*token.top, (token.text, token.raw, token.logprob)]:
        by_name.setdefault(_name(text, raw), _finite(logprob))
    return by_name


def _name(text: str, raw: bytes) -> str:
    """A token's text or, if its bytes are no whole characters, the bytes in OpenAI's notation: ``bytes:\\xf0\\x9f``."""
    if REPLACEMENT in text and text.encode() != raw:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)
    return text


def token_logprob(text: str, raw: bytes, logprob: float | None) -> dict[str, Any]:
    """One token with its log probability and its bytes."""
    return {"token": text, "logprob": _finite(logprob), "bytes": list(raw)}


def _finite(logprob: float | None) -> float | None:
    return logprob if logprob is None or logprob > MIN_LOGPROB else MIN_LOGPROB
