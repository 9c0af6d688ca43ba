"""The inputs that wait to be computed, and which of them make the next batch."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.virtual_counters import VirtualCounters
from workers.engine import EngineJob, Party


@dataclass(frozen=True, slots=True)
class BatchInput:
    """An input of a job, by its index in the job."""

    job_id: str
    index: int
    tokens: list[int]


@dataclass(slots=True, eq=False)
class WaitingJob:
    """A job whose inputs are computed, in any order.

    ``waiting`` are the indices of those that are in no batch yet, by length, and ``unfinished`` the number of those
    without a result. ``taken_tokens`` counts the tokens that batches have taken, from what other jobs of the user had
    when it came.
    """

    job: EngineJob
    inputs: Sequence[Sequence[int]]
    received_at_s: float
    waiting: list[int] = field(init=False)
    unfinished: int = field(init=False)
    prompt_tokens: int = field(init=False)
    taken_tokens: int = 0
    first_at_s: float | None = None

    def __post_init__(self) -> None:
        self.waiting = sorted(range(len(self.inputs)), key=lambda index: len(self.inputs[index]))
        self.unfinished = len(self.inputs)
        self.prompt_tokens = sum(map(len, self.inputs))

    @property
    def party(self) -> Party:
        """Whose turns it takes."""
        return self.job.party

    def take(self, room: int | None) -> BatchInput | None:
        """The longest input that waits, of those that have up to ``room`` tokens; None if none has."""
        place = len(self.waiting) - 1
        if room is not None:
            place = self._longest(room)
        if place < 0:
            return None
        index = self.waiting.pop(place)
        self.taken_tokens += len(self.inputs[index])
        return BatchInput(self.job.job_id, index, list(self.inputs[index]))

    def ttft_s(self) -> float:
        """Time from its receipt to its first result."""
        return 0.0 if self.first_at_s is None else self.first_at_s - self.received_at_s

    def note_result(self, count: int) -> None:
        """Count results."""
        self.unfinished -= count
        if self.first_at_s is None:
            self.first_at_s = time.monotonic()

    def _longest(self, room: int) -> int:
        low, high = 0, len(self.waiting)
        while low < high:
            middle = (low + high) // 2
            if len(self.inputs[self.waiting[middle]]) <= room:
                low = middle + 1
            else:
                high = middle
        return low - 1


class InputQueue:
    """Fair between users by the tokens that batches took of each, and between the jobs of one user by the same.

    A batch has up to ``batch_tokens`` tokens of up to ``sequences`` inputs. The first input is always taken, even if it
    is longer; then each job gives the longest of its inputs that fits into what is left.
    """

    def __init__(self, batch_tokens: int, sequences: int) -> None:
        self._batch_tokens = batch_tokens
        self._sequences = sequences
        self._jobs: dict[str, WaitingJob] = {}
        self._users = VirtualCounters[Party]()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def __getitem__(self, job_id: str) -> WaitingJob:
        return self._jobs[job_id]

    @property
    def has_waiting(self) -> bool:
        """Whether there is a next batch."""
        return any(job.waiting for job in self._jobs.values())

    def add(self, job: WaitingJob) -> None:
        """Let a job's inputs wait."""
        others = (other.taken_tokens for other in self._jobs.values() if other.party == job.party)
        job.taken_tokens = min(others, default=0)
        self._jobs[job.job.job_id] = job
        self._users.enter(job.party)

    def remove(self, job_id: str) -> None:
        """Forget a job, which has ended or was cancelled. Unknown ids are ignored."""
        job = self._jobs.pop(job_id, None)
        if job is not None:
            self._users.leave(job.party)

    def next_batch(self) -> list[BatchInput]:
        """The inputs to compute next; empty if none waits."""
        batch: list[BatchInput] = []
        room: int | None = None
        jobs = [job for job in self._jobs.values() if job.waiting]
        promised: defaultdict[Party, float] = defaultdict(float)
        while jobs and len(batch) < self._sequences:
            job = min(jobs, key=lambda job: (self._users[job.party] + promised[job.party], job.taken_tokens))
            taken = job.take(room)
            if taken is None:
                jobs.remove(job)
                continue
            batch.append(taken)
            tokens = len(taken.tokens)
            promised[job.party] += tokens / job.job.weight
            room = (self._batch_tokens if room is None else room) - tokens
            if not job.waiting:
                jobs.remove(job)
        for party, cost in promised.items():
            self._users.charge(party, cost)
        return batch
