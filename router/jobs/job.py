"""A job's life as a table of states, and what the router keeps of each job."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from enum import StrEnum
from mmap import mmap

from router.jobs.limits import UNLIMITED, Priority, UserLimits
from shared.kinds import estimated_cost
from shared.states import move
from shared.wire.jobs import Work
from shared.wire.payloads import Done, Failed, Payload, Picture, Recording, Segment, Started, Tokens

Blob = bytes | memoryview | mmap


class JobState(StrEnum):
    """Where a job stands. Its moves are in :data:`JOB_MOVES`."""

    QUEUED = "queued"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})

JOB_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.DISPATCHED, JobState.FAILED, JobState.CANCELLED}),
    JobState.DISPATCHED: frozenset({JobState.RUNNING, JobState.QUEUED} | ENDED),
    JobState.RUNNING: frozenset({JobState.QUEUED} | ENDED),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What an endpoint asks the broker for. ``user`` is the API key's name or the client's address.

    ``blobs`` are the files that belong to the work, in memory or mapped into it. They are kept until the job has ended:
    another worker may need them. ``timeout_s`` is the time from acceptance after which the job is given up.
    """

    request_id: str
    user: str
    model: str
    work: Work
    blobs: tuple[Blob, ...] = ()
    limits: UserLimits = UNLIMITED
    priority: Priority = Priority.INTERACTIVE
    timeout_s: float | None = None


@dataclass(slots=True, eq=False)
class Job:
    """One job in the router.

    ``generated`` holds all token ids so far, ``delivered`` counts the pictures or the chunks of a recording: another
    worker can go on from there. ``wire_id`` is the job's name on the wire, another one each time that it is taken from
    a worker. ``begun`` is what the first worker said of the prompt, ``audio_s`` the length of the recording, once that
    is known. Costs are those of :mod:`shared.costs`: the estimate, and what the user has been charged.
    ``queue_position`` is where the job stood when it was accepted, 0 if a worker got it at once.
    """

    job_id: str
    request: JobRequest
    state: JobState = JobState.QUEUED
    worker_id: str | None = None
    crashes: int = 0
    losses: int = 0
    next_seq: int = 0
    begun: Started | None = None
    replay_asked_at_s: float = 0.0
    generated: list[int] = field(default_factory=list)
    delivered: int = 0
    audio_s: float = 0.0
    created_at_s: float = field(default_factory=time.monotonic)
    dispatched_at_s: float | None = None
    first_token_at_s: float | None = None
    ended_at_s: float | None = None
    done: Done | None = None
    failed: Failed | None = None
    estimated_cost: float = 0.0
    charged_cost: float = 0.0
    queue_position: int = 0
    wire_id: str = ""
    deadline: asyncio.TimerHandle | None = None
    _renames: int = 0
    _pending: list[Payload] = field(default_factory=list)
    _waiter: asyncio.Future[None] | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        self.wire_id = self.wire_id or self.job_id
        blob_bytes = sum(map(len, self.request.blobs))
        self.estimated_cost = self.estimated_cost or estimated_cost(self.request.work, blob_bytes)

    def rename(self) -> None:
        """Take another name on the wire: what a worker still says of the job under the old one is about nothing."""
        self._renames += 1
        self.wire_id = f"{self.job_id}.{self._renames}"

    def move(self, state: JobState) -> None:
        """Go to ``state``.

        Raises:
            shared.states.IllegalMove: the table has no such move.
        """
        self.state = move(JOB_MOVES, self.state, state, f"job {self.job_id}")
        if state in ENDED:
            self.ended_at_s = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self.state in ENDED

    @property
    def started(self) -> bool:
        """Whether some worker has begun it."""
        return self.begun is not None

    def deliver(self, payload: Payload) -> None:
        """Add an event for the client and wake whoever waits for it."""
        if isinstance(payload, Tokens):  # nearly all of them are
            self.generated += payload.token_ids
            self._note_first()
        elif isinstance(payload, Started):
            self.begun = payload
        elif isinstance(payload, Segment):
            self.delivered = payload.chunk + 1
            self._note_first()
        elif isinstance(payload, Picture):
            self.delivered = payload.index + 1
            self._note_first()
        elif isinstance(payload, Recording):
            self.audio_s = payload.duration_s
        elif isinstance(payload, Done):
            self.done = payload
        elif isinstance(payload, Failed):
            self.failed = payload
        self._pending.append(payload)
        self.wake()

    def _note_first(self) -> None:
        if self.first_token_at_s is None:
            self.first_token_at_s = time.monotonic()

    def wake(self) -> None:
        """Let whoever waits for events look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next_payloads(self) -> list[Payload]:
        """All events since the last call, waiting for at least one. Empty once the job has ended and all are taken."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # kept, as asking for it is a system call
        while not self._pending and not self.ended:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        payloads, self._pending = self._pending, []
        return payloads
