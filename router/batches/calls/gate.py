"""Which lines run at once: as many as the workers of a model can, fairly between users and their batches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

K = TypeVar("K", str, int)


@dataclass(frozen=True, slots=True)
class Place:
    """What a running line takes: ``weight`` of its model's slots, and of its owner's running jobs."""

    owner: str
    batch: int
    model: str
    weight: int = 1


@dataclass(slots=True)
class _Waiting:
    place: Place
    max_weight: int | None
    admitted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class LineGate:
    """Admits lines. ``slots_of`` says how many jobs the workers of a model run at once.

    The next line is one of the user with the fewest running, and of equal users the one whose last turn is longest ago;
    among that user's, of the batch with the fewest, and of equal ones the one that waits longest. A line that needs
    several slots holds back those behind it until it has them.
    """

    def __init__(self, slots_of: Callable[[str], int]) -> None:
        self._slots_of = slots_of
        self._waiting: list[_Waiting] = []
        self._models: Counter[str] = Counter()
        self._owners: Counter[str] = Counter()
        self._batches: Counter[int] = Counter()
        self._turns: dict[str, int] = {}
        self._turn = 0
        self.running = 0

    async def enter(self, place: Place, max_weight: int | None = None) -> None:
        """Wait until a line may run; :meth:`leave` it afterwards.

        ``max_weight`` is what the owner may have running, if there is a limit. Cancelling the wait gives the turn up.
        """
        waiting = _Waiting(place, max_weight)
        self._waiting.append(waiting)
        self._admit()
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._admit()
            else:
                self.leave(place)
            raise

    def leave(self, place: Place) -> None:
        """Free the place of a line that has ended."""
        self._count(place, -1)
        self._admit()

    def _admit(self) -> None:
        while (waiting := self._next()) is not None:
            self._waiting.remove(waiting)
            self._count(waiting.place, 1)
            self._turn += 1
            self._turns[waiting.place.owner] = self._turn
            waiting.admitted.set_result(None)

    def _next(self) -> _Waiting | None:
        held: set[str] = set()
        for waiting in sorted(self._waiting, key=self._rank):
            place = waiting.place
            if waiting.admitted.done() or place.model in held or not self._owner_may(waiting):
                continue
            running = self._models[place.model]
            if not running or running + place.weight <= self._slots_of(place.model):
                return waiting
            held.add(place.model)
        return None

    def _owner_may(self, waiting: _Waiting) -> bool:
        running = self._owners[waiting.place.owner]
        limit = waiting.max_weight
        return limit is None or not running or running + waiting.place.weight <= limit

    def _rank(self, waiting: _Waiting) -> tuple[int, int, int]:
        place = waiting.place
        return self._owners[place.owner], self._turns.get(place.owner, 0), self._batches[place.batch]

    def _count(self, place: Place, sign: int) -> None:
        self.running += sign
        _add(self._models, place.model, sign * place.weight)
        _add(self._owners, place.owner, sign * place.weight)
        _add(self._batches, place.batch, sign * place.weight)


def _add(counter: Counter[K], name: K, change: int) -> None:
    counter[name] += change
    if not counter[name]:
        del counter[name]
