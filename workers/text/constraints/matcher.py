"""What llguidance's matcher returns: the tokens that it allows, and its errors."""

from __future__ import annotations

import re

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.numpy import fill_next_token_bitmask
from numpy.typing import NDArray

MAX_REASON_CHARACTERS = 300

LIMITS = LLParserLimits(step_max_items=20_000, max_lexer_states=100_000)
"""llguidance's own limits, the rest as it sets them: a step takes tenths of a second at most, its states 200 MB."""

_KEPT = np.where(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").view(np.bool_),
    np.float32(np.inf),
    np.float32(-np.inf),
)
"""The most that the logits of eight tokens may be, for each byte of a bit mask."""

_OUTSIDE = re.compile(r"Resource '(.*)' is not present in a registry")


def new_matcher(tokenizer: LLTokenizer, grammar: str) -> LLMatcher:
    """A matcher within :data:`LIMITS`; its ``is_error()`` says whether the grammar is wrong."""
    return LLMatcher(tokenizer, grammar, log_level=0, limits=LIMITS)


def allowed_tokens(matcher: LLMatcher, bitmask: NDArray[np.int32], vocab_size: int) -> NDArray[np.bool_]:
    """Whether each token may come next, shape ``(vocabulary,)``. ``bitmask`` is overwritten."""
    fill_next_token_bitmask(matcher, bitmask, 0)
    bits = np.unpackbits(bitmask[0].view(np.uint8), bitorder="little", count=vocab_size)
    return bits.view(np.bool_)


def mask_tokens(logits: NDArray[np.float32], bitmask: NDArray[np.int32]) -> None:
    """Set the logits, shape ``(vocabulary,)``, of tokens without their bit to minus infinity, in place.

    A table is looked up instead of a mask of booleans: where many tokens are allowed and many not, processors would
    guess wrong at each.
    """
    most = _KEPT.take(bitmask[0].view(np.uint8), axis=0).ravel()[: len(logits)]
    np.minimum(logits, most, out=logits)


def error_reason(text: str) -> str:
    """The line of llguidance's error that says what is wrong. For a regex it is the last, below the regex itself."""
    if text.startswith("panic"):
        return "too large or too complex"
    lines = text.strip().splitlines() or ["no reason given"]
    if lines[0].startswith("regex parse error"):
        return f"regex parse error: {lines[-1].removeprefix('error: ')[:MAX_REASON_CHARACTERS]}"
    if lines[0].startswith("Unable to determine if regex is empty"):
        return "expected simpler patterns: it takes too long to tell whether a text can fit all of them"
    if outside := _OUTSIDE.match(lines[0]):
        return f"expected a $ref to a part of this schema, got '{outside[1][:MAX_REASON_CHARACTERS]}'"
    return lines[0][:MAX_REASON_CHARACTERS]
