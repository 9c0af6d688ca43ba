"""``/api/chat`` and ``/api/generate``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec.structs import replace

from router.answers.warnings import header_of
from router.api.dependencies import BrokerDep, RecordDep
from router.api.ollama.asked import ModelsDep, asked_model, context_of, known_of
from router.api.ollama.chat_answer import OLLAMA_CHAT
from router.api.ollama.errors import OLLAMA_ERRORS
from router.api.ollama.generate_answer import OLLAMA_GENERATE
from router.api.ollama.keeping import keep, wait_loaded
from router.api.ollama.lines import loaded
from router.api.text.answer import answer
from router.http.disconnect import run_unless_disconnected
from router.http.json_body import UntypedJsonRoute
from router.http.json_text import json_text
from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.jobs.served import adapter_named
from router.models.description import ModelDescription
from router.models.service import ModelService
from router.schemas.ollama.chat import OllamaChatRequest
from router.schemas.ollama.generate import OllamaGenerateRequest
from router.schemas.ollama.generation import OllamaGeneration
from router.schemas.ollama.options import DEFAULT_SAMPLING
from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.jobs import Sampling

router = APIRouter(route_class=UntypedJsonRoute, tags=["ollama"])


@router.post("/api/chat", response_class=Response, responses=OLLAMA_ERRORS)
async def ollama_chat(
    body: OllamaChatRequest, request: Request, broker: BrokerDep, record: RecordDep, models: ModelsDep
) -> Response:
    """Ollama's chat, with `tools`, as lines of JSON unless `stream` is false."""
    model = await _settle(body, models, broker, record.limits)
    if body.only_loads:
        return await _loaded(request, broker, model, body, {"message": {"role": "assistant", "content": ""}})
    return await answer(request, broker, record, body, OLLAMA_CHAT)


@router.post("/api/generate", response_class=Response, responses=OLLAMA_ERRORS)
async def ollama_generate(
    body: OllamaGenerateRequest, request: Request, broker: BrokerDep, record: RecordDep, models: ModelsDep
) -> Response:
    """Ollama's answer to a prompt, as lines of JSON unless `stream` is false."""
    model = await _settle(body, models, broker, record.limits)
    if body.only_loads:
        return await _loaded(request, broker, model, body, {"response": ""})
    return await answer(request, broker, record, body, OLLAMA_GENERATE)


async def _settle(body: OllamaGeneration, models: ModelService, broker: Broker, limits: UserLimits) -> ModelSettings:
    """Find the body's model, tell the body what is known of it, and carry out its ``keep_alive``.

    Raises:
        ApiError: 404, there is none; 400, it cannot do what the body asks for.
        Refused: ``limits`` do not allow it, or it cannot be loaded.
    """
    model = await asked_model(models, broker, limits, body.model, JobKind.TEXT)
    known = await known_of(models, model)
    thinks = None if model.chat_template else known.thinks
    adapter = adapter_named(model, body.model) if body.model else None
    name = model.name if adapter is None else f"{model.name}:{adapter}"
    body.settle(name, _defaults(known), context_of(broker, model), thinks, model.load == "demand")
    keep(broker, model, body.keep_alive, body.only_loads)
    return model


def _defaults(known: ModelDescription) -> Sampling:
    """How to sample where a request does not say it: as the model's file has it, or else as Ollama does."""
    recommended: dict[str, Any] = dict(known.sampling)
    return replace(DEFAULT_SAMPLING, **recommended)


async def _loaded(
    request: Request, broker: Broker, model: ModelSettings, body: OllamaGeneration, message: dict[str, Any]
) -> Response:
    """Answer once the model is loaded, or the order to unload it is given."""
    if not body.unloads:
        timeout_s = body.timeout_s(broker.settings.default_timeout_s, broker.settings.max_timeout_s)
        await run_unless_disconnected(request.receive, wait_loaded(broker, model, timeout_s))
    return Response(json_text(loaded(body, message)), headers=header_of(body.notes), media_type="application/json")
