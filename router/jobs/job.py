"""The states of a job, and what the router knows of each job."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from mmap import mmap
from typing import assert_never

from router.jobs.blame.record import BlameRecord, Doubt
from router.jobs.limits import UNLIMITED, Priority, UserLimits
from router.jobs.pictures.steps import StepCount
from shared.kinds import estimated_cost
from shared.states import move
from shared.wire.jobs import Work
from shared.wire.payloads import (
    Done,
    Failed,
    Payload,
    Picture,
    Progress,
    Recording,
    Scores,
    Segment,
    Started,
    Tokenized,
    Tokens,
    Vectors,
)
from shared.wire.work import PackedWork

Blob = bytes | memoryview | mmap


MAX_HISTORY = 16_384
"""A job with more payloads does not outlive the router once another worker has resumed it."""


class JobState(StrEnum):
    """The state of a job. :data:`JOB_MOVES` holds the allowed moves."""

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
    """What an endpoint asks the broker for. ``user`` is the name of the API key or the address of the client.

    ``network`` is where the client is: its address, or what its host's addresses have in common; empty if unknown.

    ``blobs`` are the work's files, in memory or memory-mapped. They are kept until the job ends, since another worker
    may need them. ``digests`` are the hashes of those of a chat, by which its prompt is known again. ``timeout_s``
    counts from acceptance. A job that ``follows`` is a further part of a request that was accepted with its first job:
    limits of waiting requests do not count it. With a ``ticket``, workers give the job to the next run of the router if
    this one dies, and keep its events for ``keep_s`` after its end. ``packed`` is the work as it is sent, which the
    choices of a prompt share; by default it is packed for this job alone. A job that ``lacks_files`` was submitted by
    an earlier run of the router, which had its files: only the worker that has them can do it.
    """

    request_id: str
    user: str
    model: str
    work: Work
    blobs: tuple[Blob, ...] = ()
    digests: tuple[bytes, ...] = ()
    limits: UserLimits = UNLIMITED
    priority: Priority = Priority.INTERACTIVE
    timeout_s: float | None = None
    follows: bool = False
    ticket: bytes = b""
    keep_s: float = 0.0
    network: str = ""
    packed: PackedWork | None = None
    lacks_files: bool = False

    @property
    def opaque_user(self) -> str:
        """What workers know of the user: always the same id, which says nothing about its key or address."""
        return blake2b(self.user.encode(), digest_size=8).hexdigest()


@dataclass(slots=True, eq=False)
class Job:
    """One job in the router.

    Attributes:
        wire_id: the job's id on the wire, a new one each time that it is taken from a worker.
        generated: all token ids so far, from which another worker can resume.
        mirostat_mu: what it must know beside them if they are drawn with Mirostat.
        delivered: number of pictures, chunks of a recording, or log probabilities of an echoed prompt, so far; another
            worker resumes after them.
            It also counts vectors and scores, which another worker computes again.
        begun: what the first worker reported when it began.
        audio_s: length of the recording, 0 until it is known.
        steps: how far its picture is.
        blame: the deaths of workers that it may have caused.
        proof: the value of :attr:`produced` at which its present worker has survived it; 0 once it has.
        requeues: how often a living worker turned out not to have the job.
        lost_turns: how often a worker that left handed it back without having given anything of it.
        retry_at_s: when it may be sent again, after it was lost more than once.
        number: number of its submission to its worker; 0 if an earlier run of the router submitted it.
        next_seq: sequence number of the next event expected from the worker.
        estimated_cost, charged_cost: in the unit of :mod:`shared.costs`.
        packed: its work as it is sent.
        history: all payloads so far, of a job with a ticket; None for others, and beyond ``MAX_HISTORY``.
        reserved: whether it was accepted to a reserved place of a full queue.
        queued_at_s: since when it waits, or has last waited.
        queue_position: place in the queue on acceptance, from 1; 0 if the job started at once.
        load_wait_s: for how long it has waited, all in all, while no worker of its model took jobs.
        absent_before_s: for how long there had been none, all in all, when it began to wait.
    """

    job_id: str
    request: JobRequest
    state: JobState = JobState.QUEUED
    worker_id: str | None = None
    blame: BlameRecord = field(default_factory=BlameRecord)
    proof: int = 0
    requeues: int = 0
    lost_turns: int = 0
    retry_at_s: float = 0.0
    number: int = 0
    next_seq: int = 0
    begun: Started | None = None
    replay_requested_at_s: float = 0.0
    generated: list[int] = field(default_factory=list)
    mirostat_mu: float | None = None
    delivered: int = 0
    audio_s: float = 0.0
    steps: StepCount = field(default_factory=StepCount)
    created_at_s: float = field(default_factory=time.monotonic)
    queued_at_s: float = field(default_factory=time.monotonic)
    dispatched_at_s: float | None = None
    first_token_at_s: float | None = None
    ended_at_s: float | None = None
    done: Done | None = None
    failed: Failed | None = None
    estimated_cost: float = 0.0
    charged_cost: float = 0.0
    reserved: bool = False
    queue_position: int = 0
    load_wait_s: float = 0.0
    absent_before_s: float = 0.0
    wire_id: str = ""
    deadline: asyncio.TimerHandle | None = None
    history: list[Payload] | None = None
    packed: PackedWork = field(init=False)
    _produced_before: int = 0
    _renames: int = 0
    _pending: list[Payload] = field(default_factory=list)
    _waiter: asyncio.Future[None] | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        self.wire_id = self.wire_id or self.job_id
        self.history = [] if self.request.ticket else None
        self.packed = self.request.packed or PackedWork(self.request.work)
        blob_bytes = sum(map(len, self.request.blobs))
        self.estimated_cost = self.estimated_cost or estimated_cost(self.request.work, blob_bytes)

    def rename(self) -> None:
        """Take a new id on the wire, so that late events of an earlier worker are ignored."""
        self._renames += 1
        self.wire_id = f"{self.job_id}.{self._renames}"

    def move(self, state: JobState) -> None:
        """Change to ``state``.

        Raises:
            shared.states.IllegalMove: :data:`JOB_MOVES` has no such move.
        """
        self.state = move(JOB_MOVES, self.state, state, f"job {self.job_id}")
        if state in ENDED:
            self.ended_at_s = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether the job is done, failed or cancelled."""
        return self.state in ENDED

    @property
    def started(self) -> bool:
        """Whether any worker has begun the job."""
        return self.begun is not None

    @property
    def produced(self) -> int:
        """How much the job has given so far: tokens, pictures, chunks of a recording, vectors, scores."""
        return len(self.generated) + self.delivered

    @property
    def produced_here(self) -> int:
        """How much of it its present worker, or its last one, has given."""
        return self.produced - self._produced_before

    @property
    def on_trial(self) -> bool:
        """Whether it is being found out if the job kills its worker."""
        return self.proof > 0 and self.blame.doubt is not Doubt.NONE

    def begin_on(self, worker_id: str, number: int) -> None:
        """Note that the job was sent to this worker, with this number. The worker has not survived it yet."""
        self.worker_id, self.number, self.next_seq = worker_id, number, 0
        self.dispatched_at_s = time.monotonic()
        self._produced_before = self.produced
        self.proof = self.produced + self.blame.trial_tokens

    def deliver(self, payload: Payload) -> None:
        """Add an event for the client and wake its reader."""
        if isinstance(payload, Tokens):  # by far the most frequent
            if payload.token_ids:
                self.generated += payload.token_ids
                self.mirostat_mu = payload.mirostat_mu
            else:
                self.delivered += len(payload.logprobs)
            self._note_first()
        else:
            self._note(payload)
        self._pending.append(payload)
        if self.history is not None:
            self._remember(payload)
        self.wake()

    def _note(
        self,
        payload: Started | Segment | Picture | Recording | Progress | Vectors | Scores | Tokenized | Done | Failed,
    ) -> None:
        match payload:
            case Started():
                self.begun = payload
            case Segment():
                self.delivered = payload.chunk + 1
                self._note_first()
            case Picture():
                self.delivered = 1
                self._note_first()
            case Vectors() | Scores():
                self.delivered += len(payload.indices)
                self._note_first()
            case Recording():
                self.audio_s = payload.duration_s
            case Done():
                self.done = payload
            case Failed():
                self.failed = payload
            case Progress():
                self.steps.note(payload.step, payload.steps)
            case Tokenized():
                pass
            case other:
                assert_never(other)

    def _remember(self, payload: Payload) -> None:
        assert self.history is not None
        self.history.append(payload)
        if len(self.history) > MAX_HISTORY:
            self.history = None

    def _note_first(self) -> None:
        if self.first_token_at_s is None:
            self.first_token_at_s = time.monotonic()

    def wake(self) -> None:
        """Wake the reader, if one waits for events."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next_payloads(self) -> list[Payload]:
        """Wait for events; returns all since the last call, or none once the job has ended."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # cached: asking for it costs a system call
        while not self._pending and not self.ended:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        payloads, self._pending = self._pending, []
        return payloads
