"""``/v1/workers``: the workers' states; drain or replace workers while the server runs."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import APIRouter, Depends, Request

from router.api.dependencies import BrokerDep, OperatorDep, RecordDep
from router.http.senders.admin_socket import OVER_ADMIN_SOCKET
from router.jobs.workers.rows import WorkerRow
from router.schemas.errors import ApiError, error_responses
from router.schemas.shown import shown


async def operator_only(request: Request, broker: BrokerDep, record: RecordDep, operator: OperatorDep) -> None:
    """Admit only the operator, and no web page: any page can send a POST without a body; ``Origin`` reveals it.

    Raises:
        ApiError: 403.
    """
    origin = request.headers.get("origin")
    if origin is not None:
        message = f"Origin: expected none, since web pages may not control workers, got {shown(origin)}"
        raise ApiError(403, message, code="not_permitted")
    if broker.settings.admin_socket and OVER_ADMIN_SOCKET not in request.scope:
        message = (
            "only the user who runs the server may control workers (--admin-socket): expected nexa drain or restart "
            "with --admin-socket, got a request over the network"
        )
        raise ApiError(403, message, code="not_permitted")
    if not operator:
        expected = "an administrator's key" if record.key_name else "a request from the server's machine"
        raise ApiError(403, f"only the operator may control workers: expected {expected}", code="not_permitted")


router = APIRouter(tags=["server"])

_OPERATOR_ONLY = [Depends(operator_only)]
_ERRORS = error_responses(401, 403, 404)


@router.get("/v1/workers", responses=error_responses(401))
async def list_workers(broker: BrokerDep) -> dict[str, Any]:
    """All workers: model, process, device, state and load."""
    return {"object": "list", "data": [dataclasses.asdict(row) for row in broker.workers()]}


@router.post("/v1/workers/restart", status_code=202, responses=_ERRORS, dependencies=_OPERATOR_ONLY)
async def restart_all(broker: BrokerDep) -> dict[str, Any]:
    """Restart all workers, one at a time for each model; no request fails."""
    return _workers(broker.control.restart(None))


@router.post("/v1/workers/{name:path}/restart", status_code=202, responses=_ERRORS, dependencies=_OPERATOR_ONLY)
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
