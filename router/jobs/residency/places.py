"""The places of models as the policy sees them: from the roster, and from orders that it does not show yet."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass

from router.jobs.residency.plan import Memory, PlaceView, Stage
from router.jobs.workers.rows import measured
from router.jobs.workers.worker import Worker
from shared.wire.supervision import LoadWorker, UnloadWorker, WorkerState, WorkerStatus

UNSEEN_S = 5.0
"""An order whose outcome the roster does not show after this time may be lost, and is given again.

That does no harm: a place has one worker at a time, and the supervisor takes orders in their order.
"""

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


@dataclass(slots=True)
class _Sent:
    """An order that the roster does not show yet. ``former_id`` is the worker that its place had before."""

    order: LoadWorker | UnloadWorker
    ordered_s: float
    sent_s: float
    model: str = ""
    former_id: str = ""


class PlaceBook:
    """Follows the places of all models. ``closed_for`` has those that take no new jobs, and the model for which."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._loads: dict[str, _Sent] = {}
        self._unloads: dict[str, _Sent] = {}
        self._ids: dict[str, str] = {}
        self.closed_for: dict[str, str] = {}

    def order_load(self, order: LoadWorker, model: str) -> None:
        """Note an order to load."""
        now_s = time.monotonic()
        name = order.worker_name
        self._loads[name] = _Sent(order, now_s, now_s, model, self._ids.get(name, ""))

    def order_unload(self, order: UnloadWorker) -> None:
        """Note an order to unload."""
        now_s = time.monotonic()
        self._unloads[order.worker_name] = _Sent(order, now_s, now_s)

    @property
    def leaving(self) -> Set[str]:
        """The places that were ordered to unload, and have not done so."""
        return self._unloads.keys()

    def unanswered(self) -> Iterator[LoadWorker | UnloadWorker]:
        """The orders that may be lost, and have to be given again."""
        now_s = time.monotonic()
        for sent in (*self._loads.values(), *self._unloads.values()):
            superseded = isinstance(sent.order, LoadWorker) and sent.order.worker_name in self._unloads
            if now_s - sent.sent_s > UNSEEN_S and not superseded:
                sent.sent_s = now_s
                yield sent.order

    def view(
        self, roster: Iterable[WorkerStatus], workers: dict[str, Worker], fixed: Collection[str] = ()
    ) -> list[PlaceView]:
        """The places, given the roster, the running workers by name, and the places that models always have."""
        now_s = time.monotonic()
        statuses = {status.worker_name: status for status in roster}
        self._forget(statuses, now_s)
        views = [
            self._view(status, workers.get(name), now_s, name in fixed)
            for name, status in statuses.items()
            if _takes(status)
        ]
        views += [self._unseen(name, sent, now_s) for name, sent in self._loads.items()]
        return views

    def load_s(self, name: str) -> float | None:
        """How long the present worker of this place took to load, once it is ready."""
        known = self._known.get(name)
        return None if known is None else known.load_s

    def _forget(self, statuses: dict[str, WorkerStatus], now_s: float) -> None:
        """Forget what has come to its end: orders whose outcome is shown, and places that are empty."""
        for name, sent in list(self._loads.items()):
            status = statuses.get(name)
            tried = status is not None and (_takes(status) or status.worker_id != sent.former_id or _is_out(status))
            if tried or (name in self._unloads and now_s - sent.ordered_s > UNSEEN_S):
                del self._loads[name]
        here = {name for name, status in statuses.items() if _takes(status)} | self._loads.keys()
        for known in (self._known, self._unloads, self.closed_for):
            for name in known.keys() - here:
                del known[name]
        self._ids = {name: status.worker_id for name, status in statuses.items()}

    def _view(self, status: WorkerStatus, worker: Worker | None, now_s: float, fixed: bool) -> PlaceView:
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
            fixed,
            _lost_turns(worker),
            worker is not None and worker.was_used,
        )

    def _stage(self, status: WorkerStatus) -> Stage:
        stage = _STAGES[status.state]
        if status.worker_name in self._unloads:
            return Stage.LEAVING
        return Stage.CLOSED if stage is Stage.READY and status.worker_name in self.closed_for else stage

    def _unseen(self, name: str, sent: _Sent, now_s: float) -> PlaceView:
        stage = Stage.LEAVING if name in self._unloads else Stage.LOADING
        memory = sent.order.memory if isinstance(sent.order, LoadWorker) else {}
        return PlaceView(name, sent.model, memory, stage, now_s - sent.ordered_s)


def taken(status: WorkerStatus, worker: Worker | None) -> Memory:
    """What a place takes of each device: as planned, or more if its process holds more."""
    if worker is None:
        return status.memory
    held = measured(status, worker)
    return {name: max(held.get(name, 0), status.memory.get(name, 0)) for name in {**held, **status.memory}}


def _lost_turns(worker: Worker | None) -> int:
    jobs = worker.jobs.values() if worker is not None else ()
    return max((job.lost_turns for job in jobs if not job.produced_here), default=0)


def _takes(status: WorkerStatus) -> bool:
    """Whether a place holds memory, or will."""
    return status.state in _STAGES


def _is_out(status: WorkerStatus) -> bool:
    """Whether a place has no worker and takes no order to load: it has failed, or an operator has drained it."""
    return status.state in (WorkerState.FAILED, WorkerState.DRAINED)
