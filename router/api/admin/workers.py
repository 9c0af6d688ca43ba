"""``/v1/workers``: the workers' states; drain or replace workers while the server runs."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import APIRouter, Depends

from router.api.dependencies import BrokerDep
from router.api.operators import may_control_workers
from router.jobs.workers.rows import WorkerRow
from router.schemas.errors import error_responses

router = APIRouter(tags=["server"])

_OPERATOR_ONLY = [Depends(may_control_workers)]
_ERRORS = error_responses(401, 403, 404)


@router.get("/v1/workers", responses=error_responses(401))
async def list_workers(broker: BrokerDep) -> dict[str, Any]:
    """All workers: model, process, device, state and load."""
    return {"object": "list", "data": [dataclasses.asdict(row) for row in broker.workers()]}


@router.post("/v1/workers/restart", status_code=202, responses=_ERRORS, dependencies=_OPERATOR_ONLY)
async def restart_all(broker: BrokerDep) -> dict[str, Any]:
    """Restart all workers, one at a time for each model; no request fails."""
    return _workers(broker.control.restart(None))


@router.post(
    "/v1/workers/{name:path}/restart",
    status_code=202,
    responses=error_responses(401, 403, 404, 409),
    dependencies=_OPERATOR_ONLY,
)
async def restart_one(name: str, broker: BrokerDep) -> dict[str, Any]:
    """Restart a worker, even one that was drained or given up."""
    return _workers(broker.control.restart(name))


@router.post(
    "/v1/workers/{name:path}/drain",
    status_code=202,
    responses=error_responses(401, 403, 404, 409),
    dependencies=_OPERATOR_ONLY,
)
async def drain(name: str, broker: BrokerDep) -> dict[str, Any]:
    """Take a worker out of service until it is restarted. Its jobs finish, or move to another if they take too long."""
    return _workers(broker.control.drain(name))


def _workers(rows: list[WorkerRow]) -> dict[str, Any]:
    """The affected workers, with their state and process at the time of the order."""
    data = [{"name": row.name, "model": row.model, "state": row.state, "pid": row.pid} for row in rows]
    return {"object": "list", "data": data}
