"""What an operator may ask of the workers. The supervisor carries it out; the roster tells what came of it."""

from __future__ import annotations

from router.jobs.refusals import RefusalReason, Refused
from router.jobs.workers.link import RouterLink
from router.jobs.workers.table import WorkerRow, WorkerTable
from shared.wire.messages import DrainWorker, RestartWorkers, WorkerState

_OUT = frozenset({WorkerState.DRAINING, WorkerState.DRAINED, WorkerState.FAILED})


class WorkerControl:
    """Checks orders and passes them on."""

    def __init__(self, workers: WorkerTable, link: RouterLink) -> None:
        self._workers = workers
        self._link = link

    def drain(self, name: str) -> list[WorkerRow]:
        """Have a worker finish its jobs, end, and stay out. Returns the worker as it is now.

        Raises:
            Refused: there is no such worker, or no other one could serve its model.
        """
        rows = self._workers.rows()
        row = _find(rows, name)
        others = [other for other in rows if other.model == row.model and other.name != name]
        if all(other.state in _OUT for other in others):
            message = f"{name} is the only worker that {row.model} has left; nexa restart {name} replaces it instead"
            raise Refused(RefusalReason.LAST_WORKER, message, "name")
        self._link.tell_supervisor(DrainWorker(name))
        return [row]

    def restart(self, name: str | None) -> list[WorkerRow]:
        """Have a worker, or all in turn, replaced by fresh ones. Returns these workers as they are now.

        Raises:
            Refused: there is no such worker.
        """
        rows = self._workers.rows()
        chosen = rows if name is None else [_find(rows, name)]
        self._link.tell_supervisor(RestartWorkers([row.name for row in chosen]))
        return chosen


def _find(rows: list[WorkerRow], name: str) -> WorkerRow:
    row = next((row for row in rows if row.name == name), None)
    if row is None:
        names = ", ".join(row.name for row in rows)
        message = f"there is no worker {name[:100]!r}; the workers are: {names}"
        raise Refused(RefusalReason.WORKER_NOT_FOUND, message, "name")
    return row
