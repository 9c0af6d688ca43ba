"""What an operator may ask of the workers. The supervisor carries it out; the roster tells what came of it."""

from __future__ import annotations

from router.jobs.workers.link import RouterLink
from router.jobs.workers.table import WorkerTable, WorkerView
from router.schemas.errors import ApiError
from shared.wire.messages import DrainWorker, RestartWorkers, WorkerState

_OUT = frozenset({WorkerState.DRAINING, WorkerState.DRAINED, WorkerState.FAILED})


class WorkerControl:
    """Checks orders and passes them on."""

    def __init__(self, workers: WorkerTable, link: RouterLink) -> None:
        self._workers = workers
        self._link = link

    def drain(self, name: str) -> list[WorkerView]:
        """Have a worker finish its jobs, end, and stay out. Returns the worker as it is now.

        Raises:
            ApiError: 404, there is no such worker; 409, no other one could serve its model.
        """
        views = self._workers.views()
        view = _find(views, name)
        others = [other for other in views if other.model == view.model and other.name != name]
        if all(other.state in _OUT for other in others):
            message = f"{name} is the only worker that {view.model} has left; nexa restart {name} replaces it instead"
            raise ApiError(409, message, "name", "last_worker")
        self._link.tell_supervisor(DrainWorker(name))
        return [view]

    def restart(self, name: str | None) -> list[WorkerView]:
        """Have a worker, or all in turn, replaced by fresh ones. Returns these workers as they are now.

        Raises:
            ApiError: 404, there is no such worker.
        """
        views = self._workers.views()
        chosen = views if name is None else [_find(views, name)]
        self._link.tell_supervisor(RestartWorkers([view.name for view in chosen]))
        return chosen


def _find(views: list[WorkerView], name: str) -> WorkerView:
    view = next((view for view in views if view.name == name), None)
    if view is None:
        names = ", ".join(view.name for view in views)
        raise ApiError(404, f"there is no worker {name[:100]!r}; the workers are: {names}", "name", "worker_not_found")
    return view
