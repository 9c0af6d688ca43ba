"""Operators' orders to workers. The supervisor carries them out, and the roster shows the outcome."""

from __future__ import annotations

from collections.abc import Callable

from router.jobs.refusals import RefusalReason, Refused
from router.jobs.workers.link import RouterLink
from router.jobs.workers.rows import WorkerRow
from router.jobs.workers.table import WorkerTable
from shared.wire.supervision import DrainWorker, RestartWorkers, WorkerState

_UNAVAILABLE = frozenset({WorkerState.DRAINING, WorkerState.DRAINED, WorkerState.FAILED, WorkerState.UNLOADED})


class WorkerControl:
    """Checks orders and passes them to the supervisor.

    ``take_back`` lets a place be loaded again that has no worker and is the router's to fill; it returns whether it is.
    """

    def __init__(self, workers: WorkerTable, link: RouterLink) -> None:
        self.take_back: Callable[[str], bool] = lambda name: False
        self._workers = workers
        self._link = link

    def drain(self, name: str) -> list[WorkerRow]:
        """Drain a worker: it finishes its jobs, exits, and is not started again. Returns its row from before.

        Raises:
            Refused: there is no such worker, or no other one can serve its model.
        """
        rows = self._workers.rows()
        row = _find(rows, name)
        others = [other for other in rows if other.model == row.model and other.name != name]
        if all(other.state in _UNAVAILABLE for other in others):
            message = f"name: {name} is the only worker left for {row.model}; to replace it, use nexa restart {name}"
            raise Refused(RefusalReason.LAST_WORKER, message, "name")
        self._link.send_order(DrainWorker(name))
        return [row]

    def restart(self, name: str | None) -> list[WorkerRow]:
        """Replace a worker, or all of them in turn, by fresh ones. Returns their rows from before.

        Empty places stay empty: what is loaded there later is fresh anyway.

        Raises:
            Refused: there is no such worker, or its model is unloaded.
        """
        rows = self._workers.rows()
        chosen = [row for row in rows if row.state != WorkerState.UNLOADED]
        if name is not None:
            row = _find(rows, name)
            if row not in chosen:
                message = (
                    f"name: expected a worker that is loaded, got {name}; to load its model, use nexa load {row.model}"
                )
                raise Refused(RefusalReason.NOT_LOADED, message, "name")
            chosen = [row]
        running = [row.name for row in chosen if not self.take_back(row.name)]
        if running:
            self._link.send_order(RestartWorkers(running))
        return chosen


def _find(rows: list[WorkerRow], name: str) -> WorkerRow:
    row = next((row for row in rows if row.name == name), None)
    if row is None:
        names = ", ".join(row.name for row in rows)
        message = f"name: expected one of {names}; got {name[:100]!r}"
        raise Refused(RefusalReason.WORKER_NOT_FOUND, message, "name")
    return row
