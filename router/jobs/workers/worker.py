"""One running worker, as the router knows it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from router.jobs.blame.record import Doubt
from router.jobs.job import Job
from router.jobs.workers.prefix import PrefixMemory
from shared.kinds import spec_of
from shared.wire.messages import Heartbeat
from shared.wire.supervision import WorkerState

BEGINNING_S = 5.0
"""A job that its worker has survived for so long no longer keeps other jobs in doubt away, nor, on trial, new ones.

An accused one does, until its trial ends.
"""
MAX_SLOTLESS = 8
"""Maximum number of jobs without a slot that a worker has at a time."""
MAX_UNREAD_BYTES = 256 * 1024 * 1024
"""A worker gets no further job while it has not read this much: what was sent to it is kept in the router's memory."""


@dataclass(slots=True, eq=False)
class Worker:
    """A running worker process.

    Attributes:
        heartbeat: the latest one; ``heard_at_s`` is when it was sent, or since when silence counts.
        confirmed: a probe has come back over the bus, so jobs may be sent.
        jobs: the worker's jobs, by wire id.
        slotless: how many of them need no slot.
        acknowledged: jobs whose end was acknowledged, until a report comes without them.
        submitted: number of the last submission that was sent to it.
        unread: numbers and sizes of the submissions that it has not reported as received.
        unread_bytes: the sum of these sizes.
        occupied: it still computes a cancelled job, and may exit to stop it.
        abandoned: a job left it before its end, and may still be computed.
        draining_at_s: when it began to drain.
        closed: it gets no new jobs, because it is to leave for another model.
        dismissed: it was ordered to leave, and its jobs were taken from it.
        used_at_s: when it last got a job, or was left by one.
        was_used: it has had a job.
    """

    heartbeat: Heartbeat
    heard_at_s: float
    confirmed: bool = False
    probe_nonce: int = 0
    probed_at_s: float = 0.0
    jobs: dict[str, Job] = field(default_factory=dict)
    slotless: int = 0
    acknowledged: set[str] = field(default_factory=set)
    submitted: int = 0
    unread: deque[tuple[int, int]] = field(default_factory=deque)
    unread_bytes: int = 0
    prefixes: PrefixMemory = field(default_factory=PrefixMemory)
    occupied: bool = False
    abandoned: bool = False
    draining_at_s: float | None = None
    closed: bool = False
    dismissed: bool = False
    used_at_s: float = field(default_factory=time.monotonic)
    was_used: bool = False

    @property
    def worker_id(self) -> str:
        """The id of this run of the worker."""
        return self.heartbeat.worker_id

    @property
    def state(self) -> WorkerState:
        """The worker's own state, but loading instead of ready until it is confirmed."""
        loaded = self.heartbeat.state is WorkerState.READY
        return WorkerState.LOADING if loaded and not self.confirmed else self.heartbeat.state

    @property
    def ready(self) -> bool:
        """Whether jobs may be sent."""
        return self.state is WorkerState.READY

    @property
    def capacity(self) -> int:
        """Maximum number of jobs for slots sent at a time: a few more than slots, to fill a freed one at once.

        A worker with one slot gets one job: its jobs take long, and the next one waits more safely in the router.
        """
        slots = self.heartbeat.slots
        return slots + max(1, slots // 8) if slots > 1 else slots

    @property
    def has_room(self) -> bool:
        """Whether another job that needs a slot may be sent."""
        return self._takes_jobs and self.slotted < self.capacity

    @property
    def has_room_aside(self) -> bool:
        """Whether another job that needs no slot may be sent."""
        return self._takes_jobs and self.slotless < MAX_SLOTLESS

    @property
    def _takes_jobs(self) -> bool:
        return self.ready and not self.closed and not self.occupied and self.unread_bytes < MAX_UNREAD_BYTES

    @property
    def slotted(self) -> int:
        """The number of its jobs that have a slot, or wait for one there."""
        return len(self.jobs) - self.slotless

    def add(self, job: Job) -> None:
        """Note that it gets a job."""
        self.jobs[job.wire_id] = job
        self.used_at_s = time.monotonic()
        self.was_used = True
        self.slotless += not spec_of(job.request.work).needs_slot

    def remove(self, job: Job) -> None:
        """Note that it no longer has a job."""
        self.used_at_s = time.monotonic()
        if self.jobs.pop(job.wire_id, None) is not None:
            self.slotless -= not spec_of(job.request.work).needs_slot

    def note_sent(self, number: int, size_bytes: int) -> None:
        """Note a submission, with its files."""
        self.submitted = number
        self.unread.append((number, size_bytes))
        self.unread_bytes += size_bytes

    def note_received(self, number: int) -> None:
        """Note that the worker has received all submissions up to this one."""
        while self.unread and self.unread[0][0] <= number:
            self.unread_bytes -= self.unread.popleft()[1]

    @property
    def has_slot(self) -> bool:
        """Whether another job would run at once."""
        return self.has_room and self.slotted < self.heartbeat.slots

    @property
    def beginning(self) -> bool:
        """Whether it got a job just now that it has not survived yet."""
        return any(job.proof and _is_recent(job) for job in self.jobs.values())

    @property
    def in_trial(self) -> bool:
        """Whether it gets no other job now, because one is on trial."""
        return any(
            job.proof and job.on_trial and (job.blame.doubt is Doubt.ACCUSED or _is_recent(job))
            for job in self.jobs.values()
        )


def _is_recent(job: Job) -> bool:
    return job.dispatched_at_s is not None and time.monotonic() - job.dispatched_at_s < BEGINNING_S
