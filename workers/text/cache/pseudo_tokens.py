"""Pictures and recordings among the tokens of a sequence.

A chunk of a medium takes as many cells as it has embeddings. Each of them is one pseudo token: a number below zero that
holds a hash of what was seen and of what saw it, the chunk's length, how many positions it takes, and which of its
embeddings this is. So two prompts have a picture in common exactly where their lists of tokens are equal, and all that
compares tokens works as it does for text. Only two things are different: a prefix never ends within a chunk, and a
token's place in the list is not its position where chunks take fewer positions than cells.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens

_BITS = 16
_MASK = (1 << _BITS) - 1

KEY_BYTES = 16
"""So much of a chunk's key counts: no two contents have it in common, even if somebody looks for such."""

MAX_CHUNK_TOKENS = _MASK
"""The longest chunk."""


def pseudo_tokens(key: bytes, length: int, positions: int) -> list[int]:
    """The tokens of a chunk with ``length`` embeddings that takes ``positions`` positions.

    Raises:
        ValueError: the key is too short, or the chunk is empty or too long, or takes more positions than cells.
    """
    if len(key) < KEY_BYTES or not 0 < positions <= length <= MAX_CHUNK_TOKENS:
        expected = f"a key of {KEY_BYTES} bytes and 1 to {MAX_CHUNK_TOKENS} embeddings in no more positions"
        raise ValueError(f"chunk: expected {expected}, got {len(key)} bytes, {length} in {positions}")
    chunk = (int.from_bytes(key[:KEY_BYTES]) << 2 * _BITS | length << _BITS | positions) << _BITS
    return [-1 - (chunk | index) for index in range(length)]


def is_text(tokens: Tokens[int]) -> bool:
    """Whether there is no pseudo token among these."""
    return not tokens or min(tokens) >= 0


def text_run(tokens: Tokens[int], begin: int) -> int:
    """How many tokens of text there are from ``begin`` on, up to the next chunk or the end."""
    if not begin and is_text(tokens):
        return len(tokens)
    return next((place for place in range(begin, len(tokens)) if tokens[place] < 0), len(tokens)) - begin


def text_only(tokens: Tokens[int]) -> list[int]:
    """The tokens without pseudo tokens."""
    return [token for token in tokens if token >= 0]


def whole_prefix(tokens: Tokens[int], length: int) -> int:
    """The longest prefix of at most ``length`` tokens that does not end within a chunk."""
    if not length or tokens[length - 1] >= 0:
        return length
    index, chunk_length = _index(tokens[length - 1]), _length(tokens[length - 1])
    return length if index + 1 == chunk_length else length - 1 - index


def positions_of(tokens: Tokens[int], length: int) -> int:
    """How many positions the first ``length`` tokens take; within a chunk, as many as it has tokens there at most."""
    prefix, saved = tokens[:length], 0
    if is_text(prefix):
        return length
    for place, token in enumerate(prefix):
        if token < 0 and not _index(token):
            held = min(_length(token), length - place)
            saved += held - min(_positions(token), held)
    return length - saved


def _index(token: int) -> int:
    return (-1 - token) & _MASK


def _positions(token: int) -> int:
    return (-1 - token) >> _BITS & _MASK


def _length(token: int) -> int:
    return (-1 - token) >> 2 * _BITS & _MASK
