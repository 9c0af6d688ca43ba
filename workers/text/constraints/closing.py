"""Completes a constrained answer within its token budget."""

from __future__ import annotations

import re
from math import prod
from typing import Protocol

MAX_CLOSING_TOKENS = 512
"""Answers that take more tokens than this to complete are not guarded."""

_LENGTHS = re.compile(r'"min(?:Length|Properties)": (\d+)|\{(\d+)')
_COUNTS = re.compile(r'"minItems": (\d+)')
_GROUPS = re.compile(r"\)\{(\d+)")
_FORMATS = re.compile(r'"format": "')

LONGEST_FORMAT = 40
"""Tokens of the longest text that a format demands: a UUID has 36 characters."""


class Closable(Protocol):
    """The part of a constraint that the guard needs."""

    def closing(self, limit: int) -> list[int] | None:
        """At most ``limit`` tokens that complete the text; None if none were found."""


class ClosingGuard:
    """Finds out when an answer must be completed, and searches for closing tokens no more often than needed.

    Each token makes the closing at most ``growth`` tokens longer. With ``left`` tokens in the budget and a closing of
    ``n`` tokens, the next ``(left - n) // (growth + 1)`` tokens are safe. Then the guard searches again.
    """

    def __init__(self, constraint: Closable, growth: int) -> None:
        self._constraint = constraint
        self._growth = growth
        self._search_at: float = float("inf")

    def closing(self, left: int) -> list[int] | None:
        """The closing tokens, with ``left`` tokens in the budget; None while a search is not needed."""
        if self.is_safe(left):
            return None
        path = self._constraint.closing(min(left, MAX_CLOSING_TOKENS))
        if path is None:
            self._search_at = -1  # never: too long from the start
        return path

    def is_safe(self, left: int) -> bool:
        """Whether no search is needed yet with ``left`` tokens in the budget."""
        return left > self._search_at

    def still_fits(self, left: int) -> bool:
        """Whether the text, with one token more, can be completed within ``left`` tokens."""
        path = self._constraint.closing(min(left, MAX_CLOSING_TOKENS))
        if path is None:
            return False
        self._search_at = left - (left - len(path)) // (self._growth + 1)
        return True


def closing_growth(schema: str) -> int:
    """An upper bound of the tokens that one token adds to the closing, from the text of a schema or grammar.

    One token opens at most all that the schema spells out, the longest text of each format and the minimum lengths, as
    often as lists and groups repeat it. Two characters of the schema count as one token.
    """
    lengths = [int(first or second) for first, second in _LENGTHS.findall(schema)]
    formats = len(_FORMATS.findall(schema)) * LONGEST_FORMAT
    repetitions = prod(max(int(count), 1) for count in [*_COUNTS.findall(schema), *_GROUPS.findall(schema)])
    return (len(schema) // 2 + sum(lengths) + formats) * min(repetitions, MAX_CLOSING_TOKENS)
