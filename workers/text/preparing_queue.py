"""The jobs that wait for their preparation. Users take turns, by the time that theirs have taken."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.virtual_counters import VirtualCounters
from workers.engine import Party
from workers.text.sandbox.attempt import PreparationAttempt

T = TypeVar("T")

MIN_CHARGE_S = 0.001
"""Charged for each job, so that users with quick ones take turns too."""


@dataclass(eq=False)
class Errand(Generic[T]):
    """A job to prepare, and the attempt that runs.

    With a ``slow_key`` its quick attempt did not suffice, and it waits for the next one until ``waits_until_s``.
    """

    job_id: str
    party: Party
    prepare: Callable[[PreparationAttempt], T]
    future: Future[T] = field(default_factory=Future)
    attempt: PreparationAttempt | None = None
    cancelled: bool = False
    slow_key: bytes | None = None
    waits_until_s: float = 0.0


class PreparingQueue(Generic[T]):
    """An order that is fair between users. One job of each user at most is taken at a time.

    Time is charged as it was taken, divided by the user's weight.
    """

    def __init__(self) -> None:
        self._counters = VirtualCounters[Party]()
        self._waiting: dict[Party, deque[Errand[T]]] = {}
        self._running: Counter[str] = Counter()

    def add(self, errand: Errand[T]) -> None:
        """Queue an errand behind the others of its user."""
        self._counters.enter(errand.party)
        self._waiting.setdefault(errand.party, deque()).append(errand)

    def take(self) -> Errand[T] | None:
        """The next errand; None if none may begin. :meth:`finish` must follow."""
        party = min(
            (party for party in self._waiting if not self._running[party[0]]),
            key=self._counters.rank,
            default=None,
        )
        if party is None:
            return None
        self._counters.take_turn(party)
        errand = self._waiting[party].popleft()
        if not self._waiting[party]:
            del self._waiting[party]
        self._running[party[0]] += 1
        return errand

    def finish(self, errand: Errand[T], took_s: float) -> None:
        """An errand that was taken is done here, after ``took_s`` seconds."""
        user, weight = errand.party
        self._counters.charge(errand.party, max(took_s, MIN_CHARGE_S) / weight)
        self._counters.leave(errand.party)
        self._running[user] -= 1
        if not self._running[user]:
            del self._running[user]
