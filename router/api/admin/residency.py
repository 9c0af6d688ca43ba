"""``POST /v1/models/{name}/load`` and ``/unload``: an operator's orders to load and unload models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response

from router.api.admin.models import model_rows
from router.api.dependencies import BrokerDep
from router.api.ollama.asked import ModelsDep
from router.api.operators import may_control_workers
from router.jobs.broker import Broker
from router.jobs.refusals import no_worker
from router.jobs.served import find_named
from router.jobs.workers.model_state import ModelState
from router.models.service import ModelService
from router.schemas.errors import ApiError, error_responses
from router.schemas.shown import shown
from shared.settings import ModelSettings

router = APIRouter(tags=["server"], dependencies=[Depends(may_control_workers)])


@router.post("/v1/models/{model:path}/load", responses=error_responses(401, 403, 404, 503))
async def load_model(model: str, broker: BrokerDep, models: ModelsDep, response: Response) -> dict[str, Any]:
    """Load a model now, as if a request waited for it: 200 if it is loaded, else 202. The answer is its row."""
    found = _find(broker, models, model)
    if reason := broker.misfit(found.name):
        raise ApiError.from_refusal(no_worker(found.name, reason))
    if found.load == "demand":
        broker.residency.load(found.name)
    row = await _row(broker, models, found)
    response.status_code = 200 if row["state"] == ModelState.READY else 202
    return row


@router.post("/v1/models/{model:path}/unload", status_code=202, responses=error_responses(401, 403, 404, 409))
async def unload_model(model: str, broker: BrokerDep, models: ModelsDep) -> dict[str, Any]:
    """Unload a model that is loaded on demand. Its jobs go back to their queue, and load it again. Answers its row."""
    found = _find(broker, models, model)
    if found.load == "start":
        message = f"model: expected one that is loaded on demand, got {shown(found.name)}, which is always loaded"
        raise ApiError(409, message, "model", "always_loaded")
    broker.residency.unload(found.name)
    return await _row(broker, models, found)


def _find(broker: Broker, models: ModelService, name: str) -> ModelSettings:
    found = models.find(name)
    if found is None or find_named(broker.models, found.name) is None:
        names = ", ".join(model.name for model in broker.models)
        raise ApiError(404, f"model: expected one of {names}, got {shown(name)}", "model", "model_not_found")
    return found


async def _row(broker: Broker, models: ModelService, model: ModelSettings) -> dict[str, Any]:
    served = [one for one in broker.served_models() if one.name == model.name]
    (row,) = await model_rows(broker, models, served)
    return row
