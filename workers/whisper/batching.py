"""Which chunks go through the model together, and how many."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

TARGET_STEP_S = 2.0


class Rider(Protocol):
    """What can be put in a batch: those with the same ``key`` can ride together."""

    @property
    def job_id(self) -> str:
        """The recording that it belongs to."""

    @property
    def key(self) -> Hashable:
        """What all of a batch must have in common."""


R = TypeVar("R", bound=Rider)


class FairQueue(Generic[R]):
    """Chunks that wait for the model, by recording; the one that was served longest ago comes first."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[R]] = {}
        self._served: dict[str, int] = {}
        self._turn = 0

    def add(self, rider: R) -> None:
        """Queue a chunk behind those of its recording."""
        self._of(rider.job_id).append(rider)

    def put_back(self, rider: R) -> None:
        """Queue a chunk before those of its recording."""
        self._of(rider.job_id).appendleft(rider)

    def drop(self, job_id: str) -> None:
        """Forget a recording. Unknown ones are ignored."""
        self._waiting.pop(job_id, None)
        self._served.pop(job_id, None)

    def waiting(self) -> set[str]:
        """The recordings of which chunks wait."""
        return {job_id for job_id, riders in self._waiting.items() if riders}

    def take(self, limit: int) -> list[R]:
        """Up to ``limit`` chunks that can ride together, one of each recording in turn until none is left.

        The first chunk of the recording that was served longest ago says with what the others must agree.
        """
        in_order_of_arrival = [job_id for job_id, riders in self._waiting.items() if riders]
        order = sorted(in_order_of_arrival, key=self._served.__getitem__)
        if not order:
            return []
        key = self._waiting[order[0]][0].key
        batch: list[R] = []
        while len(batch) < limit:
            turns = [rider for job_id in order if (rider := self._first_with(job_id, key)) is not None]
            if not turns:
                break
            for rider in turns[: limit - len(batch)]:
                self._waiting[rider.job_id].remove(rider)
                batch.append(rider)
                self._turn += 1
                self._served[rider.job_id] = self._turn
        return batch

    def _of(self, job_id: str) -> deque[R]:
        self._served.setdefault(job_id, 0)
        return self._waiting.setdefault(job_id, deque())

    def _first_with(self, job_id: str, key: Hashable) -> R | None:
        return next((rider for rider in self._waiting[job_id] if rider.key == key), None)


class BatchSize:
    """How many chunks a step takes: as many as fit in about ``TARGET_STEP_S``, as far as was learnt."""

    def __init__(self, ceiling: int) -> None:
        self._chunk_s: float | None = None
        self._ceiling = ceiling

    @property
    def limit(self) -> int:
        """The most chunks for the next step."""
        if not self._chunk_s:
            return 1
        return max(1, min(self._ceiling, round(TARGET_STEP_S / self._chunk_s)))

    def observe(self, chunks: int, step_s: float) -> None:
        """A step with so many chunks took so long."""
        chunk_s = step_s / chunks
        self._chunk_s = chunk_s if self._chunk_s is None else 0.7 * self._chunk_s + 0.3 * chunk_s

    def failed(self, chunks: int) -> None:
        """A step with so many chunks was too much for the device."""
        self._ceiling = max(1, chunks // 2)
