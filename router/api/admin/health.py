"""``GET /health`` and ``GET /ready``: whether the server lives, and whether it can serve."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from router.api.dependencies import BrokerDep
from router.schemas.errors import ApiError, error_responses

router = APIRouter(tags=["server"])
open_router = APIRouter(tags=["server"])
"""Endpoints that need no key."""


@open_router.get("/health")
async def health() -> dict[str, str]:
    """Whether this process is alive."""
    return {"status": "ok"}


@router.get("/ready", response_class=JSONResponse, responses=error_responses(401, 503))
async def ready(broker: BrokerDep) -> Response:
    """Whether every served model has a ready worker; if not, 503 with the reason for each model."""
    is_ready, missing = broker.readiness()
    if is_ready:
        return JSONResponse({"status": "ready"})
    reasons = "; ".join(f"{model}: {reason}" for model, reason in missing.items())
    error = ApiError(503, f"not ready: {reasons}", code="not_ready")
    return JSONResponse({"status": "not ready", "missing": missing, **error.body()}, 503)
