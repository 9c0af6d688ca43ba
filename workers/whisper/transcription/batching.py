"""Which chunks go through the model together, and how many."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

TARGET_STEP_S = 2.0


class Batchable(Protocol):
    """What can be put in a batch: those with the same ``key`` can ride together."""

    @property
    def job_id(self) -> str:
        """The recording that it belongs to."""

    @property
    def key(self) -> Hashable:
        """What all of a batch must have in common."""


C = TypeVar("C", bound=Batchable)


class ChunkQueue(Generic[C]):
    """Chunks that wait for the model, by recording; the one that was served longest ago comes first."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[C]] = {}
        self._served: dict[str, int] = {}
        self._turn = 0

    def add(self, chunk: C) -> None:
        """Queue a chunk behind those of its recording."""
        self._of(chunk.job_id).append(chunk)

    def put_back(self, chunk: C) -> None:
        """Queue a chunk before those of its recording."""
        self._of(chunk.job_id).appendleft(chunk)

    def drop(self, job_id: str) -> None:
        """Forget a recording. Unknown ones are ignored."""
        self._waiting.pop(job_id, None)
        self._served.pop(job_id, None)

    def take(self, limit: int) -> list[C]:
        """Up to ``limit`` chunks that can ride together, one of each recording in turn until none is left.

        The first chunk of the recording that was served longest ago says with what the others must agree.
        """
        in_order_of_arrival = [job_id for job_id, chunks in self._waiting.items() if chunks]
        order = sorted(in_order_of_arrival, key=self._served.__getitem__)
        if not order:
            return []
        key = self._waiting[order[0]][0].key
        batch: list[C] = []
        while len(batch) < limit:
            turns = [chunk for job_id in order if (chunk := self._first_with(job_id, key)) is not None]
            if not turns:
                break
            for chunk in turns[: limit - len(batch)]:
                self._waiting[chunk.job_id].remove(chunk)
                batch.append(chunk)
                self._turn += 1
                self._served[chunk.job_id] = self._turn
        return batch

    def _of(self, job_id: str) -> deque[C]:
        self._served.setdefault(job_id, 0)
        return self._waiting.setdefault(job_id, deque())

    def _first_with(self, job_id: str, key: Hashable) -> C | None:
        return next((chunk for chunk in self._waiting[job_id] if chunk.key == key), None)


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
