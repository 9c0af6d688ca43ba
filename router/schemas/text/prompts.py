"""Texts that come as strings or as token ids, one or several: prompts to continue, inputs to embed."""

from __future__ import annotations

from typing import Any

from router.schemas.base import as_integer
from router.schemas.text.generation import MAX_TOKENS

TextsOrIds = str | list[str] | list[int] | list[list[int]]

_EXPECTED = "a string, or a non-empty list of strings, of token ids or of lists of token ids"


def checked_texts(given: Any, limit: int, noun: str) -> Any:
    """Check that this is one text or up to ``limit`` of them, called ``noun`` in errors.

    Pydantic would try all four types, and describe an error for each token.

    Raises:
        ValueError: it is not.
    """
    if isinstance(given, str):
        return given
    if not isinstance(given, list) or not given:
        raise ValueError(f"expected {_EXPECTED}")
    given = as_token_ids(given)
    if are_token_ids(given):
        return given
    if len(given) > limit:
        raise ValueError(f"expected at most {limit} {noun}, got {len(given)}")
    if all(isinstance(one, str) for one in given):
        return given
    given = [as_token_ids(one) if isinstance(one, list) else one for one in given]
    if all(isinstance(one, list) and one and are_token_ids(one) for one in given):
        return given
    raise ValueError(f"expected {_EXPECTED} (integers from 0)")


def separate_texts(given: TextsOrIds) -> list[str | list[int]]:
    """The texts as a list, each a string or token ids."""
    if isinstance(given, str):
        return [given]
    ids = [one for one in given if isinstance(one, int)]
    return [ids] if ids else [one for one in given if not isinstance(one, int)]


def as_token_ids(given: list[Any]) -> list[Any]:
    """The list, with whole numbers that were written as ``16.0`` as integers."""
    return [as_integer(token_id) for token_id in given] if float in set(map(type, given)) else given


def are_token_ids(given: list[Any]) -> bool:
    """Whether all of these may be ids of tokens."""
    return all(type(token_id) is int and 0 <= token_id <= MAX_TOKENS for token_id in given)
