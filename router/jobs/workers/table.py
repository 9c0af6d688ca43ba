"""What the router knows of the workers, by their heartbeats and the supervisor's roster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from router.jobs.job import Job
from router.jobs.workers.prefix import Cut, PrefixMemory
from shared.wire.messages import EngineStats, Heartbeat, Roster, WorkerState, WorkerStatus

HEARTBEAT_TIMEOUT_S = 5.0
"""A worker that was not heard of for so long is taken for lost."""

WORTH_A_JOB = 128
"""So many characters of a prompt that a worker holds outweigh one more job that it has than another worker."""

SHOWN_LINES = 3
"""So many of the last lines of a worker that was given up are part of an error message; all are in its row."""

BUSIER = 4
"""However much of a prompt a worker holds, it is passed over for one that has more than so many jobs fewer."""


@dataclass(slots=True, eq=False)
class Worker:
    """A running worker process. ``confirmed`` once a probe has come back over the bus: then it may be given jobs.

    ``occupied`` while it still computes a picture that was cancelled: it may end itself to be rid of that.
    """

    heartbeat: Heartbeat
    heard_at_s: float
    confirmed: bool = False
    probe_nonce: int = 0
    probed_at_s: float = 0.0
    jobs: dict[str, Job] = field(default_factory=dict)
    prefixes: PrefixMemory = field(default_factory=PrefixMemory)
    occupied: bool = False
    draining_at_s: float | None = None

    @property
    def worker_id(self) -> str:
        """The id of this run of the process."""
        return self.heartbeat.worker_id

    @property
    def state(self) -> WorkerState:
        """Its own state; a loaded worker counts as loading until it is confirmed."""
        loaded = self.heartbeat.state is WorkerState.READY
        return WorkerState.LOADING if loaded and not self.confirmed else self.heartbeat.state

    @property
    def ready(self) -> bool:
        """Whether it may be given jobs."""
        return self.state is WorkerState.READY

    @property
    def capacity(self) -> int:
        """Jobs that it is given: what its slots hold and a little more, so that a free slot is filled at once.

        Where there is one slot only, a job takes so long that another one waits better here, where it is safe.
        """
        slots = self.heartbeat.slots
        return slots + max(1, slots // 8) if slots > 1 else slots

    @property
    def has_room(self) -> bool:
        """Whether it may be given another job."""
        return self.ready and not self.occupied and len(self.jobs) < self.capacity

    @property
    def has_slot(self) -> bool:
        """Whether a job that it is given now runs at once."""
        return self.has_room and len(self.jobs) < self.heartbeat.slots


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One row of ``GET /v1/workers``: memory in bytes, KV cache in tokens.

    ``detail`` explains the last exit; ``last_lines`` is what a worker that was given up wrote last.
    """

    name: str
    model: str
    state: str
    pid: int | None
    device: str | None
    slots: int
    running: int
    queued: int
    memory_bytes: int
    kv_used_tokens: int
    kv_total_tokens: int
    tokens_per_s: float
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    preemptions: int
    restarts: int
    loading: float
    detail: str
    last_lines: list[str]


class WorkerTable:
    """All workers, living and expected."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._roster: dict[str, WorkerStatus] = {}

    def get(self, worker_id: str) -> Worker | None:
        """The worker with this id, if it lives."""
        return self._workers.get(worker_id)

    def all(self) -> list[Worker]:
        """The living workers."""
        return list(self._workers.values())

    def hear(self, heartbeat: Heartbeat) -> tuple[Worker, list[Worker]]:
        """Note a heartbeat; returns its worker and earlier runs in the same place, which must be dead."""
        now_s = time.monotonic()
        worker = self._workers.get(heartbeat.worker_id)
        if worker is None:
            worker = self._workers[heartbeat.worker_id] = Worker(heartbeat, now_s)
        worker.heartbeat, worker.heard_at_s = heartbeat, now_s
        worker.occupied = worker.occupied and heartbeat.stats.running > 0
        if heartbeat.state is WorkerState.DRAINING and worker.draining_at_s is None:
            worker.draining_at_s = now_s
        replaced = [
            other
            for other in self._workers.values()
            if other is not worker and other.heartbeat.worker_name == heartbeat.worker_name
        ]
        return worker, replaced

    def read_roster(self, roster: Roster) -> list[Worker]:
        """Note what the supervisor says; returns the workers that it knows to be dead."""
        self._roster = {status.worker_name: status for status in roster.workers}
        gone = (WorkerState.EXITED, WorkerState.DRAINED, WorkerState.FAILED)
        dead = [status.worker_id for status in roster.workers if status.state in gone]
        return [self._workers[worker_id] for worker_id in dead if worker_id in self._workers]

    def silent(self) -> list[Worker]:
        """Workers whose heartbeats have stopped."""
        earliest_s = time.monotonic() - HEARTBEAT_TIMEOUT_S
        return [worker for worker in self._workers.values() if worker.heard_at_s < earliest_s]

    def forgive(self) -> None:
        """Start to count silence anew: the router itself was not listening."""
        now_s = time.monotonic()
        for worker in self._workers.values():
            worker.heard_at_s = now_s

    def overdue(self, drain_timeout_s: float) -> list[Worker]:
        """Workers that are to end and have had their time to finish their jobs."""
        latest_s = time.monotonic() - drain_timeout_s
        return [
            worker
            for worker in self._workers.values()
            if worker.jobs and worker.draining_at_s is not None and worker.draining_at_s <= latest_s
        ]

    def remove(self, worker: Worker) -> None:
        """Forget a dead worker."""
        self._workers.pop(worker.worker_id, None)

    def of_model(self, model: str) -> list[Worker]:
        """The living workers of a model."""
        return [worker for worker in self._workers.values() if worker.heartbeat.model == model]

    def hopeless(self, model: str) -> str | None:
        """Why no worker of this model will ever be ready, or None if one may be."""
        statuses = [status for status in self._roster.values() if status.model == model]
        if statuses and all(status.state in (WorkerState.FAILED, WorkerState.DRAINED) for status in statuses):
            return "; ".join(filter(None, dict.fromkeys(_reason(status) for status in statuses)))
        return None

    def missing(self, model: str) -> str:
        """What the model waits for, for ``GET /ready``."""
        states = [self._state_of(status) for status in self._roster.values() if status.model == model]
        return ", ".join(states) or "no worker has reported yet"

    def with_room(self, model: str) -> list[Worker]:
        """The workers of a model that may be given another job."""
        return [worker for worker in self.of_model(model) if worker.has_room]

    def rows(self) -> list[WorkerRow]:
        """A row for each worker, living or expected."""
        living = {worker.heartbeat.worker_name: worker for worker in self._workers.values()}
        names = sorted({*living, *self._roster})
        return [_row(name, living.get(name), self._roster.get(name)) for name in names]

    def _state_of(self, status: WorkerStatus) -> str:
        worker = self._workers.get(status.worker_id)
        state = status.state if worker is None else worker.state
        detail = f" ({_reason(status)})" if status.detail and state is not WorkerState.READY else ""
        return f"{status.worker_name} {state}{detail}"


def choose_worker(with_room: Sequence[Worker], cuts: list[Cut]) -> Worker:
    """The least busy of some workers, at least one, where a cached prefix counts like fewer jobs."""

    def preference(worker: Worker) -> tuple[float, int]:
        held = worker.prefixes.matched(cuts)
        load = len(worker.jobs) - min(held / WORTH_A_JOB, BUSIER)
        return load / max(worker.heartbeat.slots, 1), -held

    return min(with_room, key=preference)


def _reason(status: WorkerStatus) -> str:
    """Why a worker is not there, with the last that it wrote if it was given up."""
    if not status.last_lines:
        return status.detail
    return f"{status.detail}; it wrote last: {' / '.join(status.last_lines[-SHOWN_LINES:])}"


def _row(name: str, worker: Worker | None, status: WorkerStatus | None) -> WorkerRow:
    beat = worker.heartbeat if worker is not None else None
    stats = beat.stats if beat is not None else EngineStats()
    state = status.state if status is not None else WorkerState.SPAWNING
    if worker is not None:
        state = worker.state
    elif state is WorkerState.READY:  # so says the supervisor, but this router cannot give it jobs yet
        state = WorkerState.LOADING
    return WorkerRow(
        name=name,
        model=beat.model if beat is not None else status.model if status is not None else "",
        state=str(state),
        pid=beat.pid if beat is not None else None,
        device=beat.device if beat is not None else None,
        slots=beat.slots if beat is not None else 0,
        running=stats.running,
        queued=stats.waiting,
        memory_bytes=beat.memory_bytes if beat is not None else 0,
        kv_used_tokens=stats.kv_used_tokens,
        kv_total_tokens=stats.kv_total_tokens,
        tokens_per_s=stats.tokens_per_s,
        prompt_tokens=stats.prompt_tokens,
        cached_tokens=stats.cached_tokens,
        generated_tokens=stats.generated_tokens,
        preemptions=stats.preemptions,
        restarts=status.restarts if status is not None else 0,
        loading=beat.loading if beat is not None else 0.0,
        detail=status.detail if status is not None else "",
        last_lines=status.last_lines if status is not None else [],
    )
