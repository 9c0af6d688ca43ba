"""Which chunks go through the model together, and how many."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from shared.virtual_counters import VirtualCounters
from workers.engine import Party

TARGET_STEP_S = 2.0
"""How long a step should take. A job that arrives during a step waits for its end."""


class Batchable(Protocol):
    """A queued chunk. Chunks with the same ``key`` can share a batch."""

    @property
    def job_id(self) -> str:
        """The recording that it belongs to."""

    @property
    def party(self) -> Party:
        """Whose recording that is."""

    @property
    def key(self) -> Hashable:
        """What all chunks of a batch have in common."""


C = TypeVar("C", bound=Batchable)


class ChunkQueue(Generic[C]):
    """Chunks that wait for the model, by recording.

    The user with the fewest chunks so far comes first (:class:`~shared.virtual_counters.VirtualCounters`), and of that
    user's recordings the one served longest ago.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[C]] = {}
        self._served: dict[str, int] = {}
        self._turn = 0
        self._users = VirtualCounters[Party]()
        self._party_of: dict[str, Party] = {}

    def add(self, chunk: C) -> None:
        """Queue a chunk behind the others of its recording."""
        self._of(chunk).append(chunk)

    def put_back(self, chunk: C) -> None:
        """Queue a chunk in front of the others of its recording."""
        self._of(chunk).appendleft(chunk)

    def drop(self, job_id: str) -> None:
        """Remove a recording. Does nothing for an unknown job."""
        if self._waiting.pop(job_id, None) is not None:
            del self._served[job_id]
            self._users.leave(self._party_of.pop(job_id))

    def take(self, limit: int) -> list[C]:
        """Up to ``limit`` chunks with the key of the first one, in turns of users and of their recordings."""
        batch: list[C] = []
        while len(batch) < limit:
            heads = [chunk for job_id in self._waiting if (chunk := self._first_like(batch, job_id)) is not None]
            if not heads:
                break
            chunk = min(heads, key=self._rank)
            self._waiting[chunk.job_id].remove(chunk)
            batch.append(chunk)
            self._turn += 1
            self._served[chunk.job_id] = self._turn
            self._users.take_turn(chunk.party)
            self._users.charge(chunk.party, 1 / chunk.party[1])
        return batch

    def _rank(self, chunk: C) -> tuple[float, int, int]:
        return *self._users.rank(chunk.party), self._served[chunk.job_id]

    def _of(self, chunk: C) -> deque[C]:
        """The waiting chunks of a chunk's recording, which counts from its first chunk until it is dropped."""
        if chunk.job_id not in self._waiting:
            self._waiting[chunk.job_id] = deque()
            self._served[chunk.job_id] = 0
            self._party_of[chunk.job_id] = chunk.party
            self._users.enter(chunk.party)
        return self._waiting[chunk.job_id]

    def _first_like(self, batch: list[C], job_id: str) -> C | None:
        """The first chunk of a recording that can join a batch."""
        return next((chunk for chunk in self._waiting[job_id] if not batch or chunk.key == batch[0].key), None)


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
