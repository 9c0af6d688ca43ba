"""How far a model is that loads."""

from __future__ import annotations

from collections.abc import Iterable

from router.jobs.job import JobState
from router.jobs.workers.rows import WorkerRow
from shared.wire.supervision import WorkerState

_COMING = (WorkerState.SPAWNING, WorkerState.LOADING)


def loading_share(rows: Iterable[WorkerRow]) -> float | None:
    """The loaded share, 0 to 1, of a model's worker that is furthest; 0 while none has told any.

    None if one is ready, or none loads: then a request does not wait for a load, or not yet.
    """
    found = list(rows)
    if any(row.state == WorkerState.READY for row in found):
        return None
    return max((row.loading for row in found if row.state in _COMING), default=None)


def stage_words(state: JobState, model: str, rows: Iterable[WorkerRow]) -> str:
    """What a request of a model still does, given its workers, for the message that its time has passed."""
    if state is not JobState.QUEUED:
        return "running"
    found = list(rows)
    if loading_share(found) is not None:
        return f"waiting for {model}, which goes on loading,"
    if all(row.state == WorkerState.UNLOADED for row in found):
        return f"waiting for {model} to be loaded"
    return "waiting in the queue"
