"""Which user's sequence is next, and whose are preempted for it, by what each user has cost so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from collections.abc import Sequence as Ordered

from shared.costs import GENERATED_TOKEN
from shared.virtual_counters import VirtualCounters
from workers.engine import Party
from workers.text.sequence import Sequence, SequenceState

FULL_WEIGHT = 1.0
"""Sequences of less weight, those of batch jobs, preempt nobody and are preempted first."""

MUCH_LARGER = 4
"""A user's only sequence is preempted for another user if it has this many times the tokens."""


class FairTurns:
    """The turns of the users of one worker (:class:`~shared.virtual_counters.VirtualCounters`).

    Each computed token of a prompt and each generated token is charged to its user, divided by the user's weight. Next
    is whose counter would be lowest after the turn, so that a short prompt comes before a long one, until its user has
    had as much as the other. A user counts from :meth:`enter` to :meth:`leave`.
    """

    def __init__(self) -> None:
        self._counters = VirtualCounters[Party]()

    def enter(self, sequence: Sequence) -> None:
        """Count a sequence as its user's work."""
        self._counters.enter(sequence.party)

    def leave(self, sequence: Sequence) -> None:
        """Count an ended sequence no more."""
        self._counters.leave(sequence.party)

    def charge(self, sequence: Sequence, tokens: int) -> None:
        """Charge a user for tokens that a step has computed, in the unit of :mod:`shared.costs`."""
        cost = tokens if sequence.state is SequenceState.PREFILL else tokens * GENERATED_TOKEN
        self._counters.charge(sequence.party, cost / sequence.weight)

    def note_start(self, sequence: Sequence) -> None:
        """Note that a waiting sequence starts."""
        self._counters.take_turn(sequence.party)

    def next_to_start(self, waiting: Iterable[Sequence], running: Collection[Sequence]) -> Sequence:
        """Which of at least one waiting sequence starts next: users with nothing running go first, but not batch jobs.

        What the running prompts of a user still need counts as if it were charged.
        """
        heads: dict[Party, Sequence] = {}
        for sequence in waiting:
            heads.setdefault(sequence.party, sequence)
        if len(heads) < 2:
            return next(iter(heads.values()))
        promised: Counter[Party] = Counter()
        for sequence in running:
            promised[sequence.party] += sequence.pending

        def rank(head: Sequence) -> tuple[bool, float, int]:
            party = head.party
            finish = self._counters[party] + (promised[party] + head.pending) / head.weight
            comes_later = party in promised or head.weight < FULL_WEIGHT
            return comes_later, finish, self._counters.last_turn(party)

        return min(heads.values(), key=rank)

    def prefill_order(self, filling: Ordered[Sequence], budget: int) -> list[Sequence]:
        """Prompts in the order in which they take their tokens of a step with ``budget`` tokens for them."""
        of_parties: dict[Party, list[Sequence]] = {}
        for sequence in filling:
            of_parties.setdefault(sequence.party, []).append(sequence)
        if len(of_parties) < 2:
            return short_first(filling, budget)
        left = {party: short_first(sequences, budget) for party, sequences in of_parties.items()}
        finish = {party: self._counters[party] + _chunk(left[party][0], budget) for party in left}
        order = []
        while left:
            party = min(left, key=lambda party: finish[party])
            order.append(left[party].pop(0))
            if left[party]:
                finish[party] += _chunk(left[party][0], budget)
            else:
                del left[party]
        return order


def short_first(filling: Ordered[Sequence], budget: int) -> list[Sequence]:
    """Prompts of one user: oldest first, except that short ones that fit into half the budget together go before it."""
    short: list[Sequence] = []
    room = budget // 2
    for sequence in sorted(filling[1:], key=lambda s: s.pending):
        room -= sequence.pending
        if room < 0:
            break
        short.append(sequence)
    return [*short, *(s for s in filling if s not in short)]


def prompts_alone(order: Ordered[Sequence], budget: int) -> list[Sequence]:
    """The first prompts of ``order``, if a step completes them and the next one, another user's, only fills it up.

    Empty if the step may as well be full.
    """
    for index, sequence in enumerate(order):
        budget -= sequence.pending
        if budget < 0:
            ahead = order[:index]
            return [] if sequence.party in {s.party for s in ahead} else list(ahead)
    return []


def with_half_for(sequence: Sequence, order: Ordered[Sequence], budget: int) -> list[Sequence]:
    """``order`` with only as many prompts before ``sequence`` as fit into half the budget."""
    room = budget // 2
    ahead, behind = list[Sequence](), list[Sequence]()
    for other in order:
        if other is not sequence:
            room -= other.pending
            (ahead if room >= 0 else behind).append(other)
    return [*ahead, sequence, *behind]


def choose_youngest(running: Collection[Sequence]) -> Sequence:
    """Which of at least one running sequence ends first if there are too few cells for all.

    Batch jobs go first, then the youngest of the user with the most tokens of those with several sequences.
    """
    counts, tokens = _sizes(running)

    def preference(sequence: Sequence) -> tuple[bool, int, float]:
        several = tokens[sequence.party] if counts[sequence.party] > 1 else 0
        return sequence.weight < FULL_WEIGHT, several, sequence.received_at_s

    return max(running, key=preference)


def choose_victim(sequence: Sequence, running: Collection[Sequence]) -> Sequence | None:
    """Which running sequence is preempted next so that ``sequence`` can start; None if none is.

    Only a user with nothing running gets room like this, from batch jobs, from a user with several sequences, or from
    a much larger one. A sequence that lost tokens so must first compute as many new ones.
    """
    if sequence.weight < FULL_WEIGHT or any(other.party == sequence.party for other in running):
        return None
    counts, _ = _sizes(running)
    large = MUCH_LARGER * len(sequence.tokens)
    candidates = [
        other
        for other in running
        if other.computed >= other.guarded_until
        and (counts[other.party] > 1 or other.weight < FULL_WEIGHT or len(other.tokens) >= large)
    ]
    return choose_youngest(candidates) if candidates else None


def _sizes(running: Iterable[Sequence]) -> tuple[Counter[Party], Counter[Party]]:
    """The sequences and the tokens of each user."""
    counts: Counter[Party] = Counter()
    tokens: Counter[Party] = Counter()
    for sequence in running:
        counts[sequence.party] += 1
        tokens[sequence.party] += len(sequence.tokens)
    return counts, tokens


def _chunk(sequence: Sequence, budget: int) -> float:
    return min(sequence.pending, budget) / sequence.weight
