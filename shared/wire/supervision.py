"""Messages about workers as the supervisor has them: their states, the roster, and orders. :mod:`shared.wire.messages`
says how messages are changed.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import field

from shared.wire.codec import Decoder, Struct


class WorkerState(StrEnum):
    """The states of a worker. :data:`WORKER_MOVES` has the allowed moves.

    ``DRAINED`` (taken out of service by an operator) and ``FAILED`` (given up) last until an operator orders a restart.
    ``UNLOADED`` is an empty place: it has given back its memory, and is loaded again when the router orders it.
    """

    SPAWNING = "spawning"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    EXITED = "exited"
    DRAINED = "drained"
    FAILED = "failed"
    UNLOADED = "unloaded"


ENDED_STATES = frozenset({WorkerState.EXITED, WorkerState.DRAINED, WorkerState.FAILED, WorkerState.UNLOADED})
"""The states in which a worker has no process."""

WORKER_MOVES: dict[WorkerState, frozenset[WorkerState]] = {
    WorkerState.SPAWNING: frozenset({WorkerState.LOADING, WorkerState.EXITED, WorkerState.FAILED}),
    WorkerState.LOADING: frozenset({WorkerState.READY, WorkerState.EXITED, WorkerState.FAILED}),
    WorkerState.READY: frozenset({WorkerState.DRAINING, WorkerState.EXITED, WorkerState.FAILED}),
    WorkerState.DRAINING: frozenset({WorkerState.EXITED}),
    WorkerState.EXITED: frozenset(
        {WorkerState.SPAWNING, WorkerState.DRAINED, WorkerState.FAILED, WorkerState.UNLOADED}
    ),
    WorkerState.DRAINED: frozenset({WorkerState.SPAWNING, WorkerState.UNLOADED}),
    WorkerState.FAILED: frozenset({WorkerState.SPAWNING, WorkerState.UNLOADED}),
    WorkerState.UNLOADED: frozenset({WorkerState.SPAWNING}),
}


class WorkerStatus(Struct, frozen=True):
    """The supervisor's view of one worker.

    ``detail`` explains the last exit; ``last_lines`` is the end of the output of a worker that was given up.
    ``memory`` is what it was planned to take of each device, in bytes by the device's name; empty while it is unloaded.
    ``exits`` counts its processes that have ended, and ``out_of_memory`` those of them that found too little memory.
    ``ready_at_s`` is when it became ready, in seconds since the epoch; 0 while it is not.
    """

    worker_name: str
    model: str
    worker_id: str
    state: WorkerState
    restarts: int
    detail: str
    last_lines: list[str] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)
    exits: int = 0
    out_of_memory: int = 0
    ready_at_s: float = 0.0


class DeviceBudget(Struct, frozen=True):
    """The memory of one device that models may take together, in bytes. It is set at the server's start."""

    device: str
    budget_bytes: int
    total_bytes: int


class Roster(Struct, tag=14, frozen=True):
    """All workers of the supervisor, published at each change and every ``HEARTBEAT_INTERVAL_S``.

    ``dropped_lines`` are the lines of the log that the supervisor could not write, since its start.
    """

    workers: list[WorkerStatus]
    dropped_lines: int = 0
    budgets: list[DeviceBudget] = field(default_factory=list)


class DrainWorker(Struct, tag=15, frozen=True):
    """Let this worker finish its jobs and exit, and do not replace it."""

    worker_name: str


class RestartWorkers(Struct, tag=16, frozen=True):
    """Replace these workers with new ones, one at a time for each model."""

    worker_names: list[str]


class LoadWorker(Struct, tag=37, frozen=True):
    """Start a worker of a model, whose place is empty or new.

    ``model`` are its settings as JSON (:class:`shared.settings.ModelSettings`). ``memory`` is what it may take of each
    device, in bytes by the device's name: the devices on which it runs.
    """

    worker_name: str
    model: bytes
    memory: dict[str, int]


class UnloadWorker(Struct, tag=38, frozen=True):
    """Let this worker finish its jobs, for at most ``timeout_s``, and exit; its place stays empty.

    ``reason`` is for operators.
    """

    worker_name: str
    timeout_s: float
    reason: str


class RouterAlive(Struct, tag=17, frozen=True):
    """The router's answer to each :class:`Roster`, from its event loop: a router without answers hangs.

    ``ready`` is what ``GET /ready`` says: whether every model has a ready worker.
    """

    pid: int
    ready: bool


Order = DrainWorker | RestartWorkers | LoadWorker | UnloadWorker
"""What an operator, or the router, wants of the supervisor."""

ControlMessage = Order | RouterAlive
"""From the router to the supervisor, on the control socket."""

CONTROL_MESSAGES: Decoder[ControlMessage] = Decoder(ControlMessage)
