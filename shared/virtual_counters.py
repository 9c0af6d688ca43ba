"""Virtual counters: which party with work has been served least."""

from __future__ import annotations

from collections import Counter
from typing import Generic, TypeVar

MAX_COUNTERS = 1000
"""At this number of counters, those without effect are dropped."""


P = TypeVar("P")


class VirtualCounters(Generic[P]):
    """The virtual token counters of Sheng et al. 2024, "Fairness in Serving Large Language Models" (algorithm 2).

    The cost of each party's work is added to its counter; the party with the lowest counter is next. A party that gets
    work again is lifted to the lowest counter of the parties with work, so that nobody saves up credit while idle. When
    no party has work left, all counters restart at 0.

    ``last_turn`` settles ties: the party whose last turn is longest ago goes first.
    """

    def __init__(self) -> None:
        self._counters: dict[P, float] = {}
        self._jobs: Counter[P] = Counter()
        self._turns: dict[P, int] = {}
        self._turn = 0

    def __getitem__(self, party: P) -> float:
        return self._counters.get(party, 0.0)

    def level(self, party: P) -> float:
        """The counter of a party; for one without work, the counter that it would enter with."""
        return self[party] if party in self._jobs else max(self[party], self._lowest())

    def has_work(self, party: P) -> bool:
        """Whether a party has work."""
        return party in self._jobs

    @property
    def idle(self) -> bool:
        """True if no party has work."""
        return not self._jobs

    def enter(self, party: P) -> None:
        """Count one more job of this party."""
        if party not in self._jobs:
            level = self.level(party)
            if len(self._counters) >= MAX_COUNTERS:
                self._drop_ineffective()
            self._counters[party] = level
        self._jobs[party] += 1

    def leave(self, party: P) -> None:
        """Count one job of this party less."""
        self._jobs[party] -= 1
        if not self._jobs[party]:
            del self._jobs[party]
            self._turns.pop(party, None)
        if not self._jobs:
            self._counters.clear()

    def charge(self, party: P, cost: float) -> None:
        """Add to the counter of a party with work; a negative cost corrects an estimate that was too high."""
        self._counters[party] += cost

    def take_turn(self, party: P) -> None:
        """Note that a job of this party starts."""
        self._turn += 1
        self._turns[party] = self._turn

    def return_turn(self, party: P) -> None:
        """Forget the last turn of this party, whose job did not end."""
        self._turns.pop(party, None)

    def last_turn(self, party: P) -> int:
        """The number of the party's last turn; 0 if it has had none since it got work."""
        return self._turns.get(party, 0)

    def rank(self, party: P) -> tuple[float, int]:
        """The party with work that has the lowest rank is next."""
        return self[party], self.last_turn(party)

    def _lowest(self) -> float:
        return min((self._counters[party] for party in self._jobs), default=0.0)

    def _drop_ineffective(self) -> None:
        """Drop the counters of parties that would be lifted on entering."""
        lowest = self._lowest()
        for party in [party for party, counter in self._counters.items() if counter <= lowest]:
            if party not in self._jobs:
                del self._counters[party]
