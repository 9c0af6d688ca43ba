"""Which of the cached things is given up first: the one that is cheapest to do without, by GreedyDual.

Each has a credit: what it costs to compute it again, on top of the level at its last use. The one with the least credit
is given up, and the level rises to that credit. So what is costly outlives cheap things that were used later, but it is
given up too when others of its cost were not needed again. If all cost the same, the least recently used goes first.

The algorithm is Young's (1991), for files of any cost Cao's and Irani's (1997, "Cost-Aware WWW Proxy Caching
Algorithms").
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

GOING_ON = 4
"""How many times as much a chat counts that has gone on before as one that had a single answer so far."""

PROMPT_TAIL_TOKENS = 16
"""So many of a prompt's last tokens may be others in the next turn: they begin an answer, with or without a thought."""

K = TypeVar("K", bound=Hashable)


def cost_of(tokens: int, goes_on: bool) -> float:
    """What it costs to compute so many tokens again, with regard to how likely that is."""
    return float(tokens * GOING_ON if goes_on else tokens)


def goes_on(length: int, prompt_length: int) -> bool:
    """Whether a prompt goes on from an earlier one, as the next turn of a chat does.

    Args:
        length: of what both begin with.
        prompt_length: of the earlier one.
    """
    return length >= max(prompt_length - PROMPT_TAIL_TOKENS, (prompt_length + 1) // 2, 1)


class Credits(Generic[K]):
    """The credits of some things; ``cost`` is what one costs at the moment."""

    def __init__(self, cost: Callable[[K], float]) -> None:
        self._cost = cost
        self._level = 0.0
        self._used_at: dict[K, float] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._used_at

    def __len__(self) -> int:
        return len(self._used_at)

    def __iter__(self) -> Iterator[K]:
        """All, the least recently used first."""
        return iter(self._used_at)

    def use(self, key: K) -> None:
        """Add something, or note that it was used."""
        self._used_at.pop(key, None)
        self._used_at[key] = self._level

    def forget(self, key: K) -> None:
        """Remove something, if it is there."""
        self._used_at.pop(key, None)

    def least(self, among: Iterable[K]) -> K:
        """The one with the least credit, of those with equal ones the least recently used. The level rises to it.

        Args:
            among: at least one, the least recently used first.
        """
        credit, found = min(((self._used_at[key] + self._cost(key), key) for key in among), key=lambda pair: pair[0])
        self._level = max(self._level, credit)
        return found

    def shrunk(self, key: K) -> None:
        """A part of the one with the least credit was given up: it stays the one with the least."""
        self._used_at[key] = self._level - self._cost(key)
