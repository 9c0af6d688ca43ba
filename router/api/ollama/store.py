"""``/api/pull``, ``/api/delete`` and ``/api/copy``."""

from __future__ import annotations

import re
import sqlite3

from fastapi import APIRouter, Depends, Request, Response

from router.answers.warnings import header_of
from router.api.ollama.asked import ModelsDep, not_found
from router.api.ollama.errors import OLLAMA_ERRORS
from router.api.ollama.pulling import PullLines, PullStream, pull_whole
from router.api.operators import may_manage_models
from router.http.disconnect import run_unless_disconnected
from router.http.json_body import UntypedJsonRoute
from router.models.pulling import TooManyPulls
from router.models.service import ServedModelError
from router.schemas.errors import ApiError
from router.schemas.ollama.management import OllamaCopyRequest, OllamaDeleteRequest, OllamaPullRequest
from router.schemas.shown import shown
from router.storage.database import StorageError
from shared.errors import ModelError
from shared.hub.store import NotInstalledError
from shared.models.catalog import UnknownModelError

router = APIRouter(route_class=UntypedJsonRoute, tags=["ollama"])

_OPERATOR_ONLY = [Depends(may_manage_models)]
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:[/:][A-Za-z0-9][\w.-]*)*", re.ASCII)


@router.post("/api/pull", response_class=Response, responses=OLLAMA_ERRORS, dependencies=_OPERATOR_ONLY)
async def ollama_pull(body: OllamaPullRequest, request: Request, models: ModelsDep) -> Response:
    """Fetch a model into the store of this machine. It is served from the next start that names it."""
    name = body.wanted()
    try:
        pulled = await models.pull(name)
    except TooManyPulls as error:
        raise ApiError(503, f"model: {error}", "model") from None
    except ModelError as error:
        raise ApiError(404, str(error), "model", "model_not_found") from None
    lines = PullLines(models, pulled)
    if body.stream:
        return PullStream(lines)
    answer, notes = await run_unless_disconnected(request.receive, pull_whole(lines))
    return Response(answer, headers=header_of(notes), media_type="application/json")


@router.delete("/api/delete", response_class=Response, responses=OLLAMA_ERRORS, dependencies=_OPERATOR_ONLY)
async def ollama_delete(body: OllamaDeleteRequest, models: ModelsDep) -> Response:
    """Delete a name that was copied, or a fetched model that is not served."""
    name = body.wanted()
    try:
        await models.delete(name)
    except (NotInstalledError, UnknownModelError):
        raise await not_found(models, name, list(models.names)) from None
    except ServedModelError as error:
        raise ApiError(409, str(error), "model") from None
    except ModelError as error:
        raise ApiError(400, str(error), "model") from None
    except TimeoutError as error:
        raise ApiError(503, f"model: {error}", "model") from None
    except (StorageError, sqlite3.Error, OSError) as error:
        raise ApiError(500, f"model: {shown(name)} cannot be deleted: {error}", "model") from None
    return Response()


@router.post("/api/copy", response_class=Response, responses=OLLAMA_ERRORS, dependencies=_OPERATOR_ONLY)
async def ollama_copy(body: OllamaCopyRequest, models: ModelsDep) -> Response:
    """Give a served model a further name, which every API knows, and which outlives the server."""
    model = models.find(body.source)
    if model is None:
        raise await not_found(models, body.source, list(models.names))
    if not _NAME.fullmatch(body.destination):
        expected = "letters, digits, _, - and ., with / and : between them"
        raise ApiError(400, f"destination: expected {expected}, got {shown(body.destination)}", "destination")
    try:
        await models.copy(model, body.destination)
    except ServedModelError as error:
        raise ApiError(409, str(error), "destination") from None
    except (StorageError, sqlite3.Error, OSError) as error:
        raise ApiError(500, f"destination: the name cannot be stored: {error}", "destination") from None
    return Response()
