"""``/api/version``, ``/api/tags``, ``/api/ps`` and ``/api/show``: the served models as Ollama describes its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Response

from router.api.dependencies import BrokerDep, RecordDep
from router.api.ollama.asked import ModelsDep, context_of, find_allowed, known_of, listed_name, media_of, not_found
from router.api.ollama.errors import OLLAMA_ERRORS
from router.http.json_body import UntypedJsonRoute
from router.http.json_text import json_text
from router.jobs.broker import Broker
from router.jobs.served import adapter_names
from router.jobs.workers.rows import WorkerRow
from router.models.description import ModelDescription
from router.schemas.ollama.management import OllamaShowRequest
from shared.distribution import version
from shared.gguf.ggml_types import GGML_TYPES
from shared.gguf.tensors import TensorInfo
from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerState

router = APIRouter(tags=["ollama"])
shown_router = APIRouter(route_class=UntypedJsonRoute, tags=["ollama"])

OLLAMA_VERSION = "0.33.0"
"""The version of Ollama whose API this is. Clients ask for it to know what they may send."""

NEVER = "9999-12-31T23:59:59Z"
"""When a model is unloaded that stays."""

LISTED_KINDS = (JobKind.TEXT, JobKind.EMBEDDING)
"""Kinds of the models that Ollama's clients can use."""

_SENSES = {"image": "vision", "audio": "audio"}
"""What Ollama calls models that take such media in chats."""

_THOUSANDS = ((10**9, "B", 1), (10**6, "M", 2), (10**3, "K", 0))


@router.get("/api/version", responses=OLLAMA_ERRORS)
async def ollama_version() -> dict[str, str | None]:
    """The version of Ollama's API that is spoken here, and this server's own."""
    return {"version": OLLAMA_VERSION, "nexa": version()}


@router.get("/api/tags", responses=OLLAMA_ERRORS)
async def ollama_tags(broker: BrokerDep, record: RecordDep, models: ModelsDep) -> dict[str, Any]:
    """The served text and embedding models that the caller may use, under each of their names, and their adapters."""
    rows = []
    for model in _listed(broker.models_for(record.limits)):
        known, media = await known_of(models, model), media_of(broker, model)
        names = (model.name, *model.aliases, *adapter_names(broker.settings.models, model))
        rows += [_row(name, model, known, media) for name in names]
    return {"models": rows}


@router.get("/api/ps", responses=OLLAMA_ERRORS)
async def ollama_ps(broker: BrokerDep, record: RecordDep, models: ModelsDep) -> dict[str, Any]:
    """The loaded text and embedding models that the caller may use."""
    rows = []
    for model in _listed(broker.models_for(record.limits)):
        workers = [row for row in broker.workers() if row.model == model.name and row.state == WorkerState.READY]
        if workers:
            known = await known_of(models, model)
            rows.append(_loaded_row(model, known, workers, context_of(broker, model), _expires_at(broker, model)))
    return {"models": rows}


@shown_router.post("/api/show", response_class=Response, responses=OLLAMA_ERRORS)
async def ollama_show(body: OllamaShowRequest, broker: BrokerDep, record: RecordDep, models: ModelsDep) -> Response:
    """What a served model's file says of it."""
    name = body.wanted()
    model = find_allowed(models, broker, record.limits, name)
    if model is None or not set(model.kinds) & set(LISTED_KINDS):
        raise await not_found(models, name, [listed.name for listed in _listed(broker.models_for(record.limits))])
    known = await known_of(models, model)
    shown = _shown(model, known, media_of(broker, model), body.verbose)
    return Response(json_text(shown), media_type="application/json")


def _listed(models: Sequence[ModelSettings]) -> list[ModelSettings]:
    return [model for model in models if set(model.kinds) & set(LISTED_KINDS)]


def _row(name: str, model: ModelSettings, known: ModelDescription, media: Collection[str]) -> dict[str, Any]:
    return {
        "name": listed_name(name),
        "model": listed_name(name),
        "modified_at": _time(known),
        "size": known.size_bytes,
        "digest": known.digest,
        "details": _details(known),
        "capabilities": _capabilities(model, known, media),
    }


def _expires_at(broker: Broker, model: ModelSettings) -> str:
    """When the model will be unloaded if nobody uses it."""
    leaves_in_s = broker.residency.leaves_in_s(model)
    if leaves_in_s is None:
        return NEVER
    return f"{(datetime.now(UTC) + timedelta(seconds=leaves_in_s)).isoformat(timespec='microseconds')[:-6]}Z"


def _loaded_row(
    model: ModelSettings,
    known: ModelDescription,
    workers: Sequence[WorkerRow],
    context_tokens: int,
    expires_at: str,
) -> dict[str, Any]:
    """``size`` is the memory of all workers, ``size_vram`` that of those on a GPU."""
    on_gpu = [row.memory_bytes for row in workers if row.device not in (None, "", "cpu")]
    return {
        "name": listed_name(model.name),
        "model": listed_name(model.name),
        "size": sum(row.memory_bytes for row in workers),
        "digest": known.digest,
        "details": _details(known),
        "expires_at": expires_at,
        "size_vram": sum(on_gpu),
        "context_length": context_tokens,
    }


def _shown(model: ModelSettings, known: ModelDescription, media: Collection[str], verbose: bool) -> dict[str, Any]:
    parameters = "\n".join(f"{name:<30} {value:g}" for name, value in known.sampling.items())
    shown: dict[str, Any] = {
        "license": known.licence,
        "modelfile": _modelfile(model, known),
        "parameters": parameters,
        "template": known.template,
        "details": _details(known),
        "model_info": _info(known),
        "capabilities": _capabilities(model, known, media),
        "modified_at": _time(known),
    }
    if verbose:
        shown["tensors"] = [
            {"name": tensor.name, "type": _type_of(tensor), "shape": list(tensor.dims)} for tensor in known.tensors
        ]
    return shown


def _info(known: ModelDescription) -> dict[str, Any]:
    """The header's values. Arrays are empty, as Ollama shows them; the number of parameters is always there."""
    return {
        **known.info,
        **{name: [] for name in known.arrays},
        "general.parameter_count": known.parameters,
    }


def _modelfile(model: ModelSettings, known: ModelDescription) -> str:
    lines = ["# Modelfile generated by nexa server", f"FROM {listed_name(model.name)}"]
    lines += [f"PARAMETER {name} {value:g}" for name, value in known.sampling.items()]
    if known.template:
        lines.append(f'TEMPLATE """{known.template}"""')
    return "\n".join(lines) + "\n"


def _details(known: ModelDescription) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": known.format,
        "family": known.family,
        "families": [known.family] if known.family else [],
        "parameter_size": parameter_size(known.parameters),
        "quantization_level": known.quantization,
        "context_length": known.context_tokens,
        "embedding_length": known.embedding_length,
    }


def _capabilities(model: ModelSettings, known: ModelDescription, media: Collection[str]) -> list[str]:
    """What a model can do: every chat model can call tools, whose calls are constrained."""
    found = ["completion", "tools"] if JobKind.TEXT in model.kinds else []
    found += [capability for medium, capability in _SENSES.items() if medium in media]
    if JobKind.TEXT in model.kinds and known.thinks:
        found.append("thinking")
    if JobKind.TEXT in model.kinds and known.fills_in:
        found.append("insert")
    if JobKind.EMBEDDING in model.kinds:
        found.append("embedding")
    return found


def parameter_size(parameters: int) -> str:
    """A number of parameters as Ollama writes it: ``134.52M``, ``8B``, ``7.2B``; empty if it is not known."""
    for size, unit, decimals in _THOUSANDS:
        if parameters >= size:
            number = parameters / size
            return f"{number:.0f}{unit}" if number.is_integer() else f"{number:.{decimals}f}{unit}"
    return str(parameters) if parameters else ""


def _type_of(tensor: TensorInfo) -> str:
    layout = GGML_TYPES.get(tensor.ggml_type)
    return "unknown" if layout is None else layout.name


def _time(known: ModelDescription) -> str:
    return f"{known.modified_at.isoformat(timespec='microseconds')[:-6]}Z"
