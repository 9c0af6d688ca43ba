"""When a constrained answer has to turn for its end, so that it is complete within its token budget."""

from __future__ import annotations

import re
from typing import Protocol

LONGEST_WAY_OUT = 512
"""Answers that need more tokens than this to be completed are not guarded."""

_LENGTHS = re.compile(r'"min(?:Length|Properties)": (\d+)|\{(\d+)')
_COUNTS = re.compile(r'"minItems": (\d+)')


class Closable(Protocol):
    """What the guard needs of a constraint."""

    def closing(self, limit: int) -> list[int] | None:
        """Tokens that complete the text, at most ``limit``; None if no such way was found."""


class ClosingGuard:
    """Looks for the way out of a grammar no more often than needed.

    One token can make the way out at most ``growth`` tokens longer. With ``left`` tokens in the budget and a way of
    length ``n``, the next ``(left - n) // (growth + 1)`` tokens cannot do any harm; then it is time to look again.
    """

    def __init__(self, constraint: Closable, growth: int) -> None:
        self._constraint = constraint
        self._growth = growth
        self._look_at: float = float("inf")

    def way_out(self, left: int) -> list[int] | None:
        """The way to the end if it is time to look, with ``left`` tokens in the budget; None if it is not."""
        if left > self._look_at:
            return None
        path = self._constraint.closing(min(left, LONGEST_WAY_OUT))
        if path is None:
            self._look_at = -1  # none was found before anything was lost: there is nothing to guard
        return path

    def still_fits(self, left: int) -> bool:
        """Whether, with one token more and ``left`` tokens left, the text can still be completed."""
        path = self._constraint.closing(min(left, LONGEST_WAY_OUT))
        if path is None:
            return False
        self._look_at = left - (left - len(path)) // (self._growth + 1)
        return True


def closing_growth(schema: str) -> int:
    """How many tokens longer one token can make the way to the end, at the most, for a schema or grammar's text.

    A token can open no more than the schema spells out, as often as its lists must have items, and as long as its
    strings must be. A token is taken for two characters of the schema.
    """
    lengths = sum(int(first or second) for first, second in _LENGTHS.findall(schema))
    items = max((int(count) for count in _COUNTS.findall(schema)), default=1)
    return (len(schema) // 2) * max(items, 1) + lengths
