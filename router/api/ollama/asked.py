"""The models that requests of Ollama's clients mean, and what is known of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.jobs.served import find_named, not_allowed
from router.models.description import ModelDescription
from router.models.service import ModelService
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.models.names import LATEST
from shared.settings import ModelSettings
from shared.wire.jobs import MediaKind

UNKNOWN = ModelDescription(digest="0" * 64)
"""Of a model whose file cannot be read."""


async def service_of(request: Request) -> ModelService:
    """The application's service for models."""
    service: ModelService = request.app.state.models
    return service


ModelsDep = Annotated[ModelService, Depends(service_of)]


async def asked_model(
    models: ModelService, broker: Broker, limits: UserLimits, name: str | None, kind: JobKind
) -> ModelSettings:
    """The served model of this kind that ``name`` means; without a name, the first one that ``limits`` allow.

    Raises:
        ApiError: 404, there is none; 400, it is of another kind.
        Refused: ``limits`` do not allow it.
    """
    of_kind = [model for model in broker.models_for(limits) if kind in model.kinds]
    found = find_allowed(models, broker, limits, name) if name else next(iter(of_kind), None)
    if found is not None and kind in found.kinds:
        return found
    if found is not None:
        got = f"{shown(name)} of kind {', '.join(found.kinds)}"
        raise ApiError(400, f"model: expected one of kind {kind}, got {got}", "model")
    raise await not_found(models, name or "", [model.name for model in of_kind])


def find_allowed(models: ModelService, broker: Broker, limits: UserLimits, name: str) -> ModelSettings | None:
    """The served model that ``name`` means, if there is one.

    Raises:
        Refused: ``limits`` do not allow it.
    """
    allowed = broker.models_for(limits)
    found = models.find(name) or find_named(allowed, name)
    if found is not None and found not in allowed:
        raise not_allowed(name, allowed)
    return found


async def not_found(models: ModelService, name: str, served: list[str]) -> ApiError:
    """The error for a model that is not served; Ollama's words first, which some clients look for."""
    message = f"model {shown(name)} not found; served: {', '.join(served) or 'none of this kind'}"
    found = models.find(name) if name else None
    if found is not None:
        message += f"; {found.name} is of kind {', '.join(found.kinds)}"
    elif name and await models.installed(name) is not None:
        message += "; it is on this machine"
        why = ", and cannot be served: nexa list --here tells why"
        message += why if models.serves_all else f", to serve it: {how_to_serve(models, name)}"
    return ApiError(404, message, "model", "model_not_found")


def how_to_serve(models: ModelService, name: str) -> str:
    """The command that serves a further model."""
    return f"nexa server {' '.join([*models.names, name])}"


async def known_of(models: ModelService, model: ModelSettings) -> ModelDescription:
    """What the model's file says; what there is to say of any model if it cannot be read."""
    try:
        return await models.describe(model)
    except (OSError, ModelError):  # the service has logged it
        return UNKNOWN


def context_of(broker: Broker, model: ModelSettings) -> int:
    """A served model's context in tokens; 0 while no worker of it is ready."""
    return next((row.context_tokens for row in broker.served_models() if row.name == model.name), 0)


def media_of(broker: Broker, model: ModelSettings) -> tuple[MediaKind, ...]:
    """What chats with a served model may have beside text; nothing if it is not served."""
    return next((row.media for row in broker.served_models() if row.name == model.name), ())


def listed_name(name: str) -> str:
    """The name as Ollama lists it, always with a tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:{LATEST}"
