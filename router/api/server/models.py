"""``/v1/pulls``, ``/v1/store`` and ``DELETE /v1/models/{model}``: fetching models, and what is kept of them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import StreamingResponse

from router.answers.stream_format import EVENTS
from router.api.operators import may_manage_models
from router.http.json_body import JsonRoute
from router.models.held_pulls import HeldPull, HeldPulls
from router.models.pulling import TooManyPulls
from router.models.service import ModelService, ServedModelError
from router.schemas.errors import ApiError, error_responses
from router.schemas.server.models import (
    DeletedModel,
    PulledFile,
    PullList,
    PullObject,
    PullRequest,
    PullState,
    StoredModelList,
    StoredModelObject,
)
from router.schemas.shown import shown
from router.storage.database import StorageError
from shared.errors import ModelError
from shared.hub.store import NotInstalledError
from shared.models.catalog import UnknownModelError

log = logging.getLogger("nexa.request")

EVENT_INTERVAL_S = 0.5
"""Time between looks at a fetching whose events somebody reads."""

_OPERATOR_ONLY = [Depends(may_manage_models)]

router = APIRouter(tags=["models"], dependencies=_OPERATOR_ONLY)
json_router = APIRouter(route_class=JsonRoute, tags=["models"], dependencies=_OPERATOR_ONLY)


async def _models(request: Request) -> ModelService:
    models: ModelService = request.app.state.models
    return models


async def _pulls(request: Request) -> HeldPulls:
    pulls: HeldPulls = request.app.state.held_pulls
    return pulls


ModelsDep = Annotated[ModelService, Depends(_models)]
PullsDep = Annotated[HeldPulls, Depends(_pulls)]


async def _pull(pull_id: str, pulls: PullsDep) -> HeldPull:
    held = pulls.find(pull_id)
    if held is None:
        raise ApiError(
            404, f"pull_id: expected one of GET /v1/pulls, got {shown(pull_id)}", "pull_id", "pull_not_found"
        )
    return held


@json_router.post("/v1/pulls", status_code=202, responses=error_responses(400, 401, 403, 404, 503))
async def begin_pull(body: PullRequest, models: ModelsDep, pulls: PullsDep) -> PullObject:
    """Fetch a model into the store of this machine. It goes on whether or not anybody asks how it is."""
    return _object(await _begin(body, models, pulls), models)


@json_router.post(
    "/v1/models/pull", response_class=StreamingResponse, responses=error_responses(400, 401, 403, 404, 503)
)
async def pull_model(body: PullRequest, models: ModelsDep, pulls: PullsDep) -> StreamingResponse:
    """The same, answered with events: the fetching, whenever it has changed, until its end. It goes on without them."""
    held = await _begin(body, models, pulls)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(held, models), media_type=EVENTS.media_type, headers=headers)


async def _events(held: HeldPull, models: ModelService) -> AsyncGenerator[str, None]:
    told, running = "", True
    while running:
        running = held.state is PullState.RUNNING
        text = _object(held, models).model_dump_json()
        if text != told:
            told = text
            yield f"data: {text}\n\n"
        if running:
            await asyncio.sleep(EVENT_INTERVAL_S)
    yield "data: [DONE]\n\n"


async def _begin(body: PullRequest, models: ModelService, pulls: HeldPulls) -> HeldPull:
    if not body.model.strip():
        raise ApiError(400, "model is required", "model")
    try:
        requested = await models.pull(body.model.strip())
    except (TooManyPulls, TimeoutError) as error:
        raise ApiError(503, f"model: {error}", "model") from None
    except ModelError as error:
        raise ApiError(404, str(error), "model", "model_not_found") from None
    return pulls.hold(requested)


@router.get("/v1/pulls", responses=error_responses(401, 403))
async def list_pulls(models: ModelsDep, pulls: PullsDep) -> PullList:
    """The models that are being fetched, and those that lately were."""
    return PullList(data=[_object(held, models) for held in pulls.all()])


@router.delete("/v1/pulls/{pull_id}", responses=error_responses(401, 403, 404))
async def end_pull(held: Annotated[HeldPull, Depends(_pull)], models: ModelsDep, pulls: PullsDep) -> PullObject:
    """Stop fetching a model, unless others follow it; one that has ended is listed no longer. What is here is kept."""
    if held.state is PullState.RUNNING:
        pulls.stop(held)
    else:
        pulls.forget(held)
    return _object(held, models)


@router.get("/v1/store", responses=error_responses(401, 403, 503))
async def list_store(models: ModelsDep) -> StoredModelList:
    """The models that are kept on this machine, served or not."""
    try:
        found = await models.stored()
    except (OSError, TimeoutError) as error:
        raise ApiError(503, f"the store of models cannot be read: {error}") from None
    return StoredModelList(
        data=[
            StoredModelObject(
                id=model.name,
                source=model.source,
                licence=model.licence,
                size_bytes=model.size_bytes,
                served_as=served,
            )
            for model, served in found
        ]
    )


@router.delete("/v1/models/{model:path}", responses=error_responses(400, 401, 403, 404, 409, 503))
async def delete_model(model: str, models: ModelsDep) -> DeletedModel:
    """Delete a fetched model that is not served, or a name that Ollama's clients have given to one."""
    try:
        await models.delete(model)
    except (NotInstalledError, UnknownModelError):
        message = f"model: expected one of GET /v1/store, got {shown(model)}"
        raise ApiError(404, message, "model", "model_not_found") from None
    except ServedModelError as error:
        raise ApiError(409, str(error), "model", "model_in_use") from None
    except ModelError as error:
        raise ApiError(400, str(error), "model") from None
    except TimeoutError as error:
        raise ApiError(503, f"model: {error}", "model") from None
    except (StorageError, sqlite3.Error, OSError) as error:
        raise ApiError(500, f"model: {shown(model)} cannot be deleted: {error}", "model") from None
    log.info("model deleted", extra={"model": model})
    return DeletedModel(id=model)


def _object(held: HeldPull, models: ModelService) -> PullObject:
    files = held.files.values()
    is_served = models.find(held.name) is not None
    return PullObject(
        id=held.pull_id,
        model=held.name,
        state=held.state,
        started=held.started_at_s,
        ended=held.ended_at_s,
        done_bytes=sum(one.done_bytes for one in files),
        total_bytes=sum(one.file.size_bytes for one in files),
        files=[
            PulledFile(path=one.file.path, done_bytes=one.done_bytes, total_bytes=one.file.size_bytes) for one in files
        ],
        error=held.error,
        serve=" ".join(("nexa server", *models.names, held.name))
        if held.state is PullState.DONE and not is_served and not models.serves_all
        else None,
    )
