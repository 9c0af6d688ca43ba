"""``GET /v1/models``: the served models."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter

from router.api.dependencies import BrokerDep
from router.jobs.served import ServedModel, find_named
from router.schemas.errors import ApiError, error_responses
from router.schemas.shown import shown

router = APIRouter(tags=["models"])

_STARTED_AT_S = int(time.time())


@router.get("/v1/models", responses=error_responses(401))
async def list_models(broker: BrokerDep) -> dict[str, Any]:
    """All served models."""
    return {"object": "list", "data": [_model(served) for served in broker.served_models()]}


@router.get("/v1/models/{model:path}", responses=error_responses(401, 404))
async def show_model(model: str, broker: BrokerDep) -> dict[str, Any]:
    """One served model, by its name or an alias."""
    served_models = broker.served_models()
    found = find_named(broker.settings.models, model)
    for served in served_models:
        if found is not None and served.name == found.name:
            return _model(served)
    names = ", ".join(served.name for served in served_models)
    raise ApiError(404, f"model: expected one of {names}, got {shown(model)}", "model", "model_not_found")


def _model(served: ServedModel) -> dict[str, Any]:
    return {
        "id": served.name,
        "object": "model",
        "created": _STARTED_AT_S,
        "owned_by": "nexa",
        "kind": served.kinds[0],
        "kinds": served.kinds,
        "ready": served.ready,
        "context_length": served.context_tokens,
        "aliases": list(served.aliases),
    }
