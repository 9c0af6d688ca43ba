"""``POST /v1/workers/…``: workers are taken out or replaced while the server runs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request

from router.api.dependencies import BrokerDep, OperatorDep, RecordDep
from router.jobs.workers.rows import WorkerRow
from router.schemas.errors import ApiError, error_responses


def operator_only(request: Request, record: RecordDep, operator: OperatorDep) -> None:
    """Let in the operator only, and no web page: any page may send a POST without a body, with an ``Origin`` on it.

    Raises:
        ApiError: 403.
    """
    if "origin" in request.headers:
        raise ApiError(403, "orders to workers are not taken from web pages", code="not_permitted")
    if not operator:
        who = "keys that may administer it" if record.key_name else "calls from this machine"
        raise ApiError(403, f"this is for the server's operator; accepted are {who}", code="not_permitted")


router = APIRouter(tags=["server"], dependencies=[Depends(operator_only)])

_ERRORS = error_responses(401, 403, 404)


@router.post("/v1/workers/restart", status_code=202, responses=_ERRORS)
async def restart_all(broker: BrokerDep) -> dict[str, Any]:
    """Replace all workers by fresh ones, one at a time for each model; no request fails."""
    return _told(broker.control.restart(None))


@router.post("/v1/workers/{name:path}/restart", status_code=202, responses=_ERRORS)
async def restart_one(name: str, broker: BrokerDep) -> dict[str, Any]:
    """Replace a worker by a fresh one; also starts one that was drained or given up."""
    return _told(broker.control.restart(name))


@router.post("/v1/workers/{name:path}/drain", status_code=202, responses=error_responses(401, 403, 404, 409))
async def drain(name: str, broker: BrokerDep) -> dict[str, Any]:
    """Let a worker finish its jobs, those that take too long elsewhere, and take it out until it is restarted."""
    return _told(broker.control.drain(name))


def _told(views: list[WorkerRow]) -> dict[str, Any]:
    """The workers concerned, with the state and the process that each had when the order was given."""
    rows = [{"name": view.name, "model": view.model, "state": view.state, "pid": view.pid} for view in views]
    return {"object": "list", "data": rows}
