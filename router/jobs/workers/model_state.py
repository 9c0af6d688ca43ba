"""The state of a served model, from the rows of its workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from router.jobs.workers.rows import WorkerRow
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerState


class ModelState(StrEnum):
    """The state of a model: that of the worker which serves it, or will be the first to; the best is first here.

    ``UNLOADED`` is that of a model which is loaded when a request wants it.
    """

    READY = "ready"
    LOADING = "loading"
    DRAINING = "draining"
    UNLOADED = "unloaded"
    DRAINED = "drained"
    FAILED = "failed"


_STATES: dict[WorkerState, ModelState] = {
    WorkerState.READY: ModelState.READY,
    WorkerState.SPAWNING: ModelState.LOADING,
    WorkerState.LOADING: ModelState.LOADING,
    WorkerState.EXITED: ModelState.LOADING,  # it is started again
    WorkerState.DRAINING: ModelState.DRAINING,
    WorkerState.UNLOADED: ModelState.UNLOADED,
    WorkerState.DRAINED: ModelState.DRAINED,
    WorkerState.FAILED: ModelState.FAILED,
}
_BEST_FIRST = tuple(ModelState)


class StateOfModel(NamedTuple):
    """A model's state. ``progress`` is the loaded share, if it loads and its engine tells; ``reason`` why it failed."""

    state: ModelState
    progress: float | None = None
    reason: str | None = None


def state_of(model: ModelSettings, rows: Sequence[WorkerRow], hopeless: str | None) -> StateOfModel:
    """The state of a model with these workers: the best of theirs. ``hopeless`` is why none will be ready, if so.

    Without a worker it is loading, as just after the start, or unloaded if it is loaded on demand; failed if it will
    not be loaded at all, as it needs too much memory.
    """
    without = ModelState.UNLOADED if model.load == "demand" else ModelState.LOADING
    states = [_STATES[WorkerState(row.state)] for row in rows]
    state = min(states, key=_BEST_FIRST.index, default=without)
    if state is ModelState.UNLOADED and hopeless is not None:
        state = ModelState.FAILED
    progress = _progress(rows) if state is ModelState.LOADING else None
    return StateOfModel(state, progress, hopeless if state is ModelState.FAILED else None)


def _progress(rows: Iterable[WorkerRow]) -> float | None:
    """The loaded share of the worker that is furthest; None until one has told any."""
    told = [row.loading for row in rows if row.state == WorkerState.LOADING and row.loading > 0]
    return max(told, default=None)
