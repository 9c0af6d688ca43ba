"""Which chunks go through the model together, and how many."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

TARGET_STEP_S = 2.0
"""How long a step should take. A job that arrives during a step waits for its end."""


class Batchable(Protocol):
    """A queued chunk. Chunks with the same ``key`` can share a batch."""

    @property
    def job_id(self) -> str:
        """The recording that it belongs to."""

    @property
    def key(self) -> Hashable:
        """What all chunks of a batch have in common."""


C = TypeVar("C", bound=Batchable)


class ChunkQueue(Generic[C]):
    """Chunks that wait for the model, by recording. The recording served longest ago comes first."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[C]] = {}
        self._served: dict[str, int] = {}
        self._turn = 0

    def add(self, chunk: C) -> None:
        """Queue a chunk behind the others of its recording."""
        self._of(chunk.job_id).append(chunk)

    def put_back(self, chunk: C) -> None:
        """Queue a chunk in front of the others of its recording."""
        self._of(chunk.job_id).appendleft(chunk)

    def drop(self, job_id: str) -> None:
        """Remove a recording. Does nothing for an unknown job."""
        self._waiting.pop(job_id, None)
        self._served.pop(job_id, None)

    def take(self, limit: int) -> list[C]:
        """Up to ``limit`` chunks with the same key, one of each recording in turn.

        The key is that of the first chunk of the recording served longest ago.
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
    """The number of chunks that a step of about ``TARGET_STEP_S`` can take, estimated from earlier steps."""

    def __init__(self, maximum: int) -> None:
        self._chunk_s: float | None = None
        self._maximum = maximum

    @property
    def limit(self) -> int:
        """The maximum number of chunks for the next step; 1 before the first one."""
        if not self._chunk_s:
            return 1
        return max(1, min(self._maximum, round(TARGET_STEP_S / self._chunk_s)))

    def observe(self, chunks: int, step_s: float) -> None:
        """A step with ``chunks`` chunks took ``step_s``."""
        chunk_s = step_s / chunks
        self._chunk_s = chunk_s if self._chunk_s is None else 0.7 * self._chunk_s + 0.3 * chunk_s

    def failed(self, chunks: int) -> None:
        """A step with ``chunks`` chunks failed on the device, probably out of memory."""
        self._maximum = max(1, chunks // 2)
