"""Which set of adapters the next step computes with: a batch has one, and the sets take turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.virtual_counters import VirtualCounters
from shared.wire.jobs import AdapterSet
from workers.engine import Party
from workers.text.sequence import Sequence

TURN_S = 0.05
"""A turn goes on until its steps have taken this long: each change costs some milliseconds."""

PATIENCE_S = 1.0
"""A set that has waited for this long is next, whatever its users have had."""


@dataclass(slots=True)
class AdapterGroup:
    """The sequences of one set of adapters, waiting ones included.

    ``served_at_s`` is when it last had a step or, before that, when its first sequence came. With ``prompts_turn``, the
    next step is for prompts, where they take turns with streams; ``left_out`` is a prompt that gets half of it.
    """

    served_at_s: float
    sequences: int = 0
    prompts_turn: bool = False
    left_out: Sequence | None = None


class AdapterTurns:
    """The turns of the sets that sequences of one worker are computed with.

    The time of each step is charged to its users in equal parts, divided by their weights. Next is the set of the user
    who has had least (:class:`~shared.virtual_counters.VirtualCounters`), so that a set of many users gets more time
    than that of one. Times are those of steps: an idle worker lets nobody wait. With a single set nothing is counted.
    """

    def __init__(self) -> None:
        self._counters = VirtualCounters[Party]()
        self._groups: dict[AdapterSet, AdapterGroup] = {}
        self._current: AdapterSet = ()
        self._now_s = 0.0
        self._ends_at_s = 0.0

    def enter(self, sequence: Sequence) -> None:
        """Count a sequence from its arrival."""
        self._counters.enter(sequence.party)
        if sequence.adapters not in self._groups:
            self._groups[sequence.adapters] = AdapterGroup(self._now_s)
        self._groups[sequence.adapters].sequences += 1

    def leave(self, sequence: Sequence) -> None:
        """Count an ended sequence no more."""
        self._counters.leave(sequence.party)
        group = self._groups[sequence.adapters]
        group.sequences -= 1
        if not group.sequences:
            del self._groups[sequence.adapters]

    def group_of(self, sequence: Sequence) -> AdapterGroup:
        """The sequences of the same set as ``sequence``, which has not left."""
        return self._groups[sequence.adapters]

    def observe(self, parties: Iterable[Party], duration_s: float) -> None:
        """Charge a step of the current set to the users that it had tokens of."""
        if len(self._groups) < 2:
            return
        self._now_s += duration_s
        if self._current in self._groups:  # it may have ended with this step
            self._groups[self._current].served_at_s = self._now_s
        served = set(parties)
        for party in served:
            if self._counters.has_work(party):
                self._counters.charge(party, duration_s / len(served) / party[1])

    def turns(self, running: list[Sequence]) -> Iterator[list[Sequence]]:
        """The sequences of the set whose turn it is; then those of the others, should that one have nothing to do."""
        if len(self._groups) < 2:
            yield running
            return
        of_sets: dict[AdapterSet, list[Sequence]] = {}
        for sequence in running:
            of_sets.setdefault(sequence.adapters, []).append(sequence)
        goes_on = self._now_s < self._ends_at_s
        order = sorted(of_sets, key=lambda each: (not goes_on or each != self._current, self._rank(each, of_sets)))
        for adapters in order:
            if adapters != self._current or not goes_on:
                self._current, self._ends_at_s = adapters, self._now_s + TURN_S
            yield of_sets[adapters]

    def _rank(self, adapters: AdapterSet, of_sets: dict[AdapterSet, list[Sequence]]) -> tuple[bool, float, float]:
        served_at_s = self._groups[adapters].served_at_s
        if self._now_s - served_at_s >= PATIENCE_S:
            return False, 0.0, served_at_s
        return True, min(self._counters[sequence.party] for sequence in of_sets[adapters]), served_at_s
