"""Virtual counters: who has been served least among those who have work."""

from __future__ import annotations

from collections import Counter

KEPT_COUNTERS = 1000
"""So many counters of those who have no work are kept before it is looked whether any is of use."""


class VirtualCounters:
    """The virtual token counters of Sheng et al. 2024, "Fairness in Serving Large Language Models" (algorithm 2).

    Each party has a counter, which is charged with the cost of its work; the one with the least counter goes next. A
    party whose first work comes is lifted to the least counter of those who have work already: nobody saves up credit
    while there is nothing to do. When no party has work left, nobody owes anybody anything and all begin anew.
    """

    def __init__(self) -> None:
        self._counters: dict[str, float] = {}
        self._jobs: Counter[str] = Counter()

    def __getitem__(self, party: str) -> float:
        return self._counters.get(party, 0.0)

    def level(self, party: str) -> float:
        """The counter that a party has, or would have on entering."""
        return self[party] if party in self._jobs else max(self[party], self._least())

    @property
    def idle(self) -> bool:
        """Whether no party has work."""
        return not self._jobs

    def enter(self, party: str) -> None:
        """A piece of work of this party has come."""
        if party not in self._jobs:
            level = self.level(party)
            if len(self._counters) >= KEPT_COUNTERS:
                self._forget_paid()
            self._counters[party] = level
        self._jobs[party] += 1

    def leave(self, party: str) -> None:
        """A piece of work of this party has gone."""
        self._jobs[party] -= 1
        if not self._jobs[party]:
            del self._jobs[party]
        if not self._jobs:
            self._counters.clear()

    def charge(self, party: str, cost: float) -> None:
        """Add to the counter of a party that has work; what was charged too much is taken back by a negative cost."""
        self._counters[party] += cost

    def _least(self) -> float:
        return min((self._counters[party] for party in self._jobs), default=0.0)

    def _forget_paid(self) -> None:
        """Drop the counters that would be lifted anyway."""
        least = self._least()
        for party in [party for party, counter in self._counters.items() if counter <= least]:
            if party not in self._jobs:
                del self._counters[party]
