"""The places of models as the policy sees them: from the roster, and from orders that it does not show yet."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from router.jobs.residency.plan import Memory, PlaceView, Stage
from router.jobs.workers.rows import measured
from router.jobs.workers.worker import Worker
from shared.wire.supervision import WorkerState, WorkerStatus

UNSEEN_S = 5.0
"""An order to load that the roster does not show after this time was lost, and is given again."""

_STAGES = {
    WorkerState.SPAWNING: Stage.LOADING,
    WorkerState.LOADING: Stage.LOADING,
    WorkerState.READY: Stage.READY,
    WorkerState.DRAINING: Stage.LEAVING,
    WorkerState.EXITED: Stage.LOADING,  # it is started again
}


@dataclass(slots=True)
class _Known:
    """What the roster does not tell of a place: since when it is in its stage, and how long it took to load."""

    stage: Stage
    since_s: float
    begun_s: float
    load_s: float | None = None


class PlaceBook:
    """Follows the places of all models."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._ordered: dict[str, tuple[str, Memory, float]] = {}
        self._leaving: set[str] = set()
        self.closed_for: dict[str, str] = {}

    def order_load(self, name: str, model: str, memory: Memory) -> None:
        """Note an order to load."""
        self._ordered[name] = model, memory, time.monotonic()

    def order_unload(self, name: str) -> None:
        """Note an order to unload."""
        self._leaving.add(name)

    def view(self, roster: Iterable[WorkerStatus], workers: dict[str, Worker]) -> list[PlaceView]:
        """The places, given the roster and the running workers by name."""
        now_s = time.monotonic()
        statuses = {status.worker_name: status for status in roster}
        self._forget(statuses, now_s)
        views = [self._view(status, workers.get(name), now_s) for name, status in statuses.items() if _takes(status)]
        unseen = [name for name in self._ordered if name not in statuses or not _takes(statuses[name])]
        views += [self._unseen(name, now_s) for name in unseen]
        return views

    def load_s(self, name: str) -> float | None:
        """How long the present worker of this place took to load, once it is ready."""
        known = self._known.get(name)
        return None if known is None else known.load_s

    def _forget(self, statuses: dict[str, WorkerStatus], now_s: float) -> None:
        for name, status in statuses.items():
            if _takes(status):
                self._ordered.pop(name, None)
            else:
                self._known.pop(name, None)
                self._leaving.discard(name)
                self.closed_for.pop(name, None)
        for name, (_, _, ordered_s) in list(self._ordered.items()):
            if now_s - ordered_s > UNSEEN_S:
                del self._ordered[name]

    def _view(self, status: WorkerStatus, worker: Worker | None, now_s: float) -> PlaceView:
        name = status.worker_name
        stage = self._stage(status)
        running = len(worker.jobs) if worker is not None else 0
        known = self._known.setdefault(name, _Known(stage, now_s, now_s))
        if known.stage is not stage:
            if stage is Stage.READY and known.stage is Stage.LOADING:
                known.load_s = now_s - known.begun_s
            if stage is Stage.LOADING:
                known.begun_s = now_s
            known.stage, known.since_s = stage, now_s
        return PlaceView(
            name,
            status.model,
            taken(status, worker),
            stage,
            now_s - known.since_s,
            running,
            0.0 if running or worker is None else now_s - worker.used_at_s,
            self.closed_for.get(name, ""),
        )

    def _stage(self, status: WorkerStatus) -> Stage:
        stage = _STAGES[status.state]
        if status.worker_name in self._leaving:
            return Stage.LEAVING
        return Stage.CLOSED if stage is Stage.READY and status.worker_name in self.closed_for else stage

    def _unseen(self, name: str, now_s: float) -> PlaceView:
        model, memory, ordered_s = self._ordered[name]
        return PlaceView(name, model, memory, Stage.LOADING, now_s - ordered_s)


def taken(status: WorkerStatus, worker: Worker | None) -> Memory:
    """What a place takes of each device: as planned, or more if its process holds more."""
    if worker is None:
        return status.memory
    held = measured(status, worker)
    return {name: max(held.get(name, 0), status.memory.get(name, 0)) for name in {**held, **status.memory}}


def _takes(status: WorkerStatus) -> bool:
    """Whether a place holds memory, or will."""
    return status.state in _STAGES
