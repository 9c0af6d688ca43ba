"""What the router knows about all workers, from their heartbeats and the supervisor's roster."""

from __future__ import annotations

import time
from collections.abc import Set

from router.jobs.workers.rows import WorkerRow, reason, row_of
from router.jobs.workers.worker import Worker
from shared.wire.messages import Heartbeat
from shared.wire.supervision import ENDED_STATES, DeviceBudget, Roster, WorkerState, WorkerStatus

HEARTBEAT_TIMEOUT_S = 5.0
"""A worker without a heartbeat for this long counts as lost."""

COMING_STATES = frozenset({WorkerState.SPAWNING, WorkerState.LOADING, WorkerState.READY, WorkerState.EXITED})
"""The states of a worker that is ready, or will be."""


class WorkerTable:
    """All workers, running and expected.

    ``budgets`` are the devices' memory, from the roster; ``unfit`` says of models that do not fit into it, why.
    """

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._roster: dict[str, WorkerStatus] = {}
        self._supervisor_dropped_lines = 0
        self.budgets: list[DeviceBudget] = []
        self.unfit: dict[str, str] = {}
        self._closed: Set[str] = frozenset()

    def get(self, worker_id: str) -> Worker | None:
        """The running worker with this id."""
        return self._workers.get(worker_id)

    def all(self) -> list[Worker]:
        """The running workers."""
        return list(self._workers.values())

    def update(self, heartbeat: Heartbeat) -> tuple[Worker, list[Worker]]:
        """Take a heartbeat; returns its worker, and the earlier runs of the same replica, which must be dead."""
        now_s = time.monotonic()
        worker = self._workers.get(heartbeat.worker_id)
        if worker is None:
            worker = self._workers[heartbeat.worker_id] = Worker(heartbeat, min(heartbeat.sent_at_s, now_s))
            worker.closed = heartbeat.worker_name in self._closed
        worker.heartbeat = heartbeat
        worker.heard_at_s = max(worker.heard_at_s, min(heartbeat.sent_at_s, now_s))
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
        """Take the supervisor's roster; returns the workers that it reports dead."""
        self._roster = {status.worker_name: status for status in roster.workers}
        self._supervisor_dropped_lines = roster.dropped_lines
        self.budgets = roster.budgets
        dead = [status.worker_id for status in roster.workers if status.state in ENDED_STATES]
        return [self._workers[worker_id] for worker_id in dead if worker_id in self._workers]

    def roster(self) -> list[WorkerStatus]:
        """The supervisor's view of all workers."""
        return list(self._roster.values())

    def close_places(self, names: Set[str]) -> list[Worker]:
        """From now on, the workers with these names get no jobs, those to come as well; returns those that do again."""
        self._closed = names
        opened = []
        for worker in self._workers.values():
            was_closed, worker.closed = worker.closed, worker.heartbeat.worker_name in names
            if was_closed and not worker.closed:
                opened.append(worker)
        return opened

    def silent(self) -> list[Worker]:
        """Workers whose heartbeats have stopped.

        One that loads may be silent: reading a large vocabulary for constraints holds all its threads for seconds. It
        has no jobs, and its supervisor reports its end.
        """
        earliest_at_s = time.monotonic() - HEARTBEAT_TIMEOUT_S
        loading = {row.worker_id for row in self._roster.values() if row.state is WorkerState.LOADING}
        return [
            worker
            for worker in self._workers.values()
            if worker.heard_at_s < earliest_at_s
            and not (worker.heartbeat.state is WorkerState.LOADING and worker.worker_id in loading)
        ]

    def reset_silence(self) -> None:
        """Measure silence from now on, because the router itself was not listening."""
        now_s = time.monotonic()
        for worker in self._workers.values():
            worker.heard_at_s = now_s

    def overdue(self, drain_timeout_s: float) -> list[Worker]:
        """Workers that still have jobs this long after they began to drain."""
        latest_at_s = time.monotonic() - drain_timeout_s
        return [
            worker
            for worker in self._workers.values()
            if worker.jobs and worker.draining_at_s is not None and worker.draining_at_s <= latest_at_s
        ]

    def remove(self, worker: Worker) -> None:
        """Forget a dead worker."""
        self._workers.pop(worker.worker_id, None)

    def of_model(self, model: str) -> list[Worker]:
        """The running workers of a model."""
        return [worker for worker in self._workers.values() if worker.heartbeat.model == model]

    def hopeless(self, model: str) -> str | None:
        """Why no worker of this model will ever be ready, or None if one may be."""
        if model in self.unfit:
            return self.unfit[model]
        statuses = [status for status in self._roster.values() if status.model == model]
        out = [status for status in statuses if status.state in (WorkerState.FAILED, WorkerState.DRAINED)]
        others = {status.state for status in statuses} - {status.state for status in out}
        has_failed = any(status.state is WorkerState.FAILED for status in out)
        if out and (not others or (has_failed and others == {WorkerState.UNLOADED})):
            return "; ".join(filter(None, dict.fromkeys(reason(status) for status in out)))
        return None

    def expects(self, model: str) -> bool:
        """Whether another worker of this model will be ready, as far as the supervisor knows."""
        return any(
            status.model == model and status.state in COMING_STATES and not self._is_ready(status.worker_id)
            for status in self._roster.values()
        )

    @property
    def settled(self) -> bool:
        """Whether the roster has come, and all workers that it reports as ready are confirmed.

        A worker of a model that this run of the router has not found yet is not.
        """
        ready = [status.worker_id for status in self._roster.values() if status.state is WorkerState.READY]
        workers = [self._workers.get(worker_id) for worker_id in ready]
        return bool(self._roster or self.budgets) and all(worker is not None and worker.confirmed for worker in workers)

    def missing(self, model: str) -> str:
        """The states of a model's workers, for ``GET /ready``."""
        states = [self._state_of(status) for status in self._roster.values() if status.model == model]
        return ", ".join(states) or "no worker has reported yet"

    def rows(self) -> list[WorkerRow]:
        """A row for each worker, running or expected."""
        running = {worker.heartbeat.worker_name: worker for worker in self._workers.values()}
        names = sorted({*running, *self._roster})
        return [row_of(name, running.get(name), self._roster.get(name)) for name in names]

    def dropped_lines(self) -> dict[str, int]:
        """The lines of the log that the supervisor and each worker could not write, by the process's name."""
        beats = [worker.heartbeat for worker in self._workers.values()]
        return {"supervisor": self._supervisor_dropped_lines} | {beat.worker_name: beat.dropped_lines for beat in beats}

    def _is_ready(self, worker_id: str) -> bool:
        worker = self._workers.get(worker_id)
        return worker is not None and worker.ready

    def _state_of(self, status: WorkerStatus) -> str:
        worker = self._workers.get(status.worker_id)
        state = status.state if worker is None else worker.state
        detail = f" ({reason(status)})" if status.detail and state is not WorkerState.READY else ""
        return f"{status.worker_name} {state}{detail}"
