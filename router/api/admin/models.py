"""``GET /v1/models``: the served models, as OpenAI lists them, and to Anthropic's clients as Anthropic does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from msgspec import structs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from router.api.anthropic import errors
from router.api.anthropic.models import VERSION_HEADER, model_list, model_object
from router.api.dependencies import BrokerDep, RecordDep
from router.api.ollama.asked import ModelsDep
from router.api.server.model_status import inputs_of, outputs_of
from router.api.server.residence import residence_of, told_state
from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.jobs.served import ServedModel, adapter_named, find_listed
from router.models.service import ModelService
from router.schemas.errors import ApiError, error_responses
from router.schemas.shown import shown
from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.pictures import PictureInfo

router = APIRouter(tags=["models"])

_STARTED_AT_S = int(time.time())

VersionHeader = Annotated[
    str | None, Header(alias=VERSION_HEADER, description="If sent, only chat models are listed, as Anthropic does.")
]
KindQuery = Annotated[JobKind | None, Query(description="Only models that serve this kind.")]


@router.get("/v1/models", responses=error_responses(400, 401))
async def list_models(
    broker: BrokerDep, record: RecordDep, models: ModelsDep, kind: KindQuery = None, version: VersionHeader = None
) -> dict[str, Any]:
    """All served models that the caller may use, those for chats first, each with its adapters behind it."""
    if version is not None:
        return model_list(_served(broker, record.limits, JobKind.TEXT), _STARTED_AT_S)
    rows: list[dict[str, Any]] = []
    served = _served(broker, record.limits, kind)
    for one, row in zip(served, await model_rows(broker, models, served), strict=True):
        rows += [row, *(_adapter(row, name) for name in one.adapters if kind in (None, JobKind.TEXT))]
    return {"object": "list", "data": rows}


@router.get("/v1/models/{model:path}", responses=error_responses(401, 404))
async def show_model(
    model: str, broker: BrokerDep, record: RecordDep, models: ModelsDep, version: VersionHeader = None
) -> dict[str, Any]:
    """One served model, by its name, an alias, or a name that means it in requests."""
    allowed = _served(broker, record.limits, None if version is None else JobKind.TEXT)
    found = find_listed(broker.settings.models, model, broker.settings.strict_names, record.limits)
    for served in allowed:
        if found is not None and served.name == found.name:
            adapter = adapter_named(found, model)
            if version is not None:
                return model_object(served, _STARTED_AT_S, model if adapter else None)
            (row,) = await model_rows(broker, models, [served])
            return _adapter(row, model) if adapter else row
    names = ", ".join(served.name for served in allowed)
    raise ApiError(404, f"model: expected one of {names}, got {shown(model)}", "model", "model_not_found")


def write_error(error: ApiError, scope: Scope) -> Response:
    """An error on these paths, in the form that the client knows."""
    if VERSION_HEADER in Request(scope).headers:
        return errors.write_error(error, scope)
    return JSONResponse(error.body(), error.status, error.headers)


def _served(broker: Broker, limits: UserLimits, kind: JobKind | None) -> list[ServedModel]:
    """The models of one kind, or of all, for a user: many clients take the first that they see, for chats."""
    allowed = {model.name for model in broker.models_for(limits)}
    found = (served for served in broker.served_models() if served.name in allowed)
    of_kind = (served for served in found if kind is None or kind in served.kinds)
    return sorted(of_kind, key=lambda served: JobKind.TEXT not in served.kinds)


async def model_rows(broker: Broker, models: ModelService, served: Sequence[ServedModel]) -> list[dict[str, Any]]:
    """The rows of these models: what they are, whether they are loaded, and what they take."""
    options = {model.name: model for model in broker.settings.models}
    own = [options[one.name] for one in served]
    workers, sizes = broker.workers(), await models.sizes(own)
    rows = []
    for one, model in zip(served, own, strict=True):
        own_workers = [row for row in workers if row.model == one.name]
        state = told_state(broker, model, own_workers)
        rows.append(
            {
                "id": one.name,
                "object": "model",
                "created": _STARTED_AT_S,
                "owned_by": "nexa",
                "kind": one.kinds[0],
                "kinds": one.kinds,
                "inputs": inputs_of(one),
                "outputs": outputs_of(one),
                "ready": one.ready,
                "state": state.state,
                "progress": state.progress,
                "reason": state.reason,
                "size_bytes": sizes[one.name],
                **asdict(residence_of(broker, model, own_workers)),
                "context_length": one.context_tokens,
                "aliases": list(one.aliases),
                **({"images": _pictures(one.images, model)} if JobKind.IMAGE in one.kinds else {}),
            }
        )
    return rows


def _pictures(info: PictureInfo | None, model: ModelSettings) -> dict[str, Any]:
    """What an image model is and can do. Until it is loaded, only its limit is known."""
    limit = model.max_image_side**2
    if info is None:
        return {"family": None, "defaults": None, "features": None, "side_multiple": None, "max_pixels": limit}
    known = {**structs.asdict(info), "defaults": structs.asdict(info.defaults)}
    return {**known, "max_pixels": min(info.max_pixels or limit, limit)}


def _adapter(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A model with an adapter, which ``name`` means, in the words of vLLM: ``root`` and ``parent`` are the model."""
    own = {"kind": JobKind.TEXT, "kinds": (JobKind.TEXT,), "aliases": [], "root": row["id"], "parent": row["id"]}
    return {**row, "id": name, **own}
