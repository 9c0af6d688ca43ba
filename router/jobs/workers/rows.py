"""Workers as operators see them: the rows of ``GET /v1/workers``, and the reasons in errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from router.jobs.workers.worker import Worker
from shared.wire.messages import EngineStats
from shared.wire.supervision import WorkerState, WorkerStatus

MAX_LINES = 3
"""Lines of a worker's output shown in an error. Its row has more."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One row of ``GET /v1/workers``. The KV cache is counted in tokens.

    ``loading`` is the fraction of the model that is loaded, 0 to 1. ``detail`` explains the last exit; ``last_lines``
    are the last lines of output of a worker that the supervisor has given up on. ``loaded_at`` is a time in seconds
    since the epoch, None of a worker that is not ready. ``checkpoints`` are copies of states, from which
    ``checkpoint_hits`` prompts went on. ``disk_files`` and ``disk_bytes`` are the prefixes of all models on disk,
    ``disk_hits`` counts those that the worker has read. ``media_encoded`` counts the pieces of pictures and recordings
    that were computed, which took ``media_encode_s``, ``media_reused`` those that were at hand. By the device's name,
    ``planned_memory_bytes`` are what it was planned to take, and ``measured_memory_bytes`` what it holds; empty where
    that is not known.
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
    loaded_at: int | None = None
    checkpoints: int = 0
    checkpoint_bytes: int = 0
    checkpoint_hits: int = 0
    disk_files: int = 0
    disk_bytes: int = 0
    disk_hits: int = 0
    disk_read_bytes: int = 0
    disk_written_bytes: int = 0
    planned_memory_bytes: Mapping[str, int] = field(default_factory=dict)
    measured_memory_bytes: Mapping[str, int] = field(default_factory=dict)
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    media_encoded: int = 0
    media_encode_s: float = 0.0
    media_reused: int = 0


def reason(status: WorkerStatus) -> str:
    """Why a worker is not available, with its last lines of output if the supervisor has given up on it."""
    if not status.last_lines:
        return status.detail
    return f"{status.detail}; last output: {' / '.join(status.last_lines[-MAX_LINES:])}"


def measured(status: WorkerStatus, worker: Worker) -> dict[str, int]:
    """What a worker's process holds of each device on which it was planned, or else runs; 0 where that is not known."""
    names = status.memory or (worker.heartbeat.device or "").split(",")
    gpus = [name for name in names if name not in ("", "cpu")]
    share = worker.heartbeat.device_memory_bytes // max(1, len(gpus))
    return {"cpu": worker.heartbeat.memory_bytes, **dict.fromkeys(gpus, share)}


def row_of(name: str, worker: Worker | None, status: WorkerStatus | None) -> WorkerRow:
    """The row of a worker, from its latest heartbeat and its entry in the roster, if there are any."""
    beat = worker.heartbeat if worker is not None else None
    stats = beat.stats if beat is not None else EngineStats()
    state = status.state if status is not None else WorkerState.SPAWNING
    if worker is not None:
        state = worker.state
    elif state is WorkerState.READY:  # to the supervisor, but this router has not confirmed it
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
        checkpoints=stats.checkpoints,
        checkpoint_bytes=stats.checkpoint_bytes,
        checkpoint_hits=stats.checkpoint_hits,
        disk_files=stats.disk_files,
        disk_bytes=stats.disk_bytes,
        disk_hits=stats.disk_hits,
        disk_read_bytes=stats.disk_read_bytes,
        disk_written_bytes=stats.disk_written_bytes,
        loaded_at=round(status.ready_at_s) if status is not None and status.ready_at_s else None,
        planned_memory_bytes={} if status is None or status.state is WorkerState.FAILED else dict(status.memory),
        measured_memory_bytes=measured(status, worker) if status is not None and worker is not None else {},
        drafted_tokens=stats.drafted_tokens,
        accepted_tokens=stats.accepted_tokens,
        media_encoded=stats.media_encoded,
        media_encode_s=stats.media_encode_s,
        media_reused=stats.media_reused,
    )
