"""``/api/embed`` and its older form ``/api/embeddings``: texts to vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from router.answers.queue_wait import position_header
from router.answers.response import gathered
from router.answers.submission import SubmittedRequest
from router.answers.vectors import collect_vectors
from router.answers.warnings import header_of, warning_header
from router.api.dependencies import BrokerDep, RecordDep
from router.api.embeddings.embeddings import written
from router.api.ollama.asked import ModelsDep, asked_model, context_of
from router.api.ollama.errors import OLLAMA_ERRORS
from router.api.ollama.keeping import keep, wait_loaded
from router.api.ollama.lines import embedding_ending
from router.http.bodies.byte_budget import share_of
from router.http.disconnect import run_unless_disconnected
from router.http.json_body import UntypedJsonRoute
from router.http.json_text import json_text
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.schemas.ollama.embed import OllamaEmbeddingsRequest, OllamaEmbedRequest
from shared.kinds import JobKind
from shared.settings import ModelSettings

router = APIRouter(route_class=UntypedJsonRoute, tags=["ollama"])


@router.post("/api/embed", response_class=Response, responses=OLLAMA_ERRORS)
async def ollama_embed(
    body: OllamaEmbedRequest, request: Request, broker: BrokerDep, record: RecordDep, models: ModelsDep
) -> Response:
    """Ollama's vectors of texts, each of length 1."""
    model = await asked_model(models, broker, record.limits, body.model, JobKind.EMBEDDING)
    asked = body.model or model.name

    def write(texts: list[str], ending: dict[str, Any]) -> bytes:
        head = json_text({"model": asked})[:-1]
        last = f",{json_text(ending)[1:]}" if ending else "}"
        return f'{head},"embeddings":[{",".join(texts)}]{last}'.encode()

    return await _answer(request, broker, record, body, model, write)


@router.post("/api/embeddings", response_class=Response, responses=OLLAMA_ERRORS)
async def ollama_embeddings(
    body: OllamaEmbeddingsRequest, request: Request, broker: BrokerDep, record: RecordDep, models: ModelsDep
) -> Response:
    """Ollama's older form: the vector of one text."""
    model = await asked_model(models, broker, record.limits, body.model, JobKind.EMBEDDING)

    def write(texts: list[str], _ending: dict[str, Any]) -> bytes:
        return f'{{"embedding":{texts[0] if texts else "[]"}}}'.encode()

    return await _answer(request, broker, record, body, model, write)


async def _answer(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    body: OllamaEmbedRequest | OllamaEmbeddingsRequest,
    model: ModelSettings,
    write: Callable[[list[str], dict[str, Any]], bytes],
) -> Response:
    """Answer with what ``write`` makes of the vectors, as JSON, and of the last fields."""
    body.settle(context_of(broker, model), model.load == "demand")
    job, share = body.to_job(), share_of(request.scope)
    keep(broker, model, body.keep_alive, only_loads=job is None)
    if job is None:
        if body.keep_alive != 0:
            timeout_s = body.timeout_s(broker.settings.default_timeout_s, broker.settings.max_timeout_s)
            await run_unless_disconnected(request.receive, wait_loaded(broker, model, timeout_s))
        return Response(write([], {}), headers=header_of(body.notes), media_type="application/json")
    submission = SubmittedRequest(broker, record, model.name, [job], scheduling=body, notes=body.notes)
    async with submission as submitted:
        vectors = await gathered(request, submitted, collect_vectors(submitted, len(job.inputs), share))
        ending = embedding_ending(submitted)
        text = await written(vectors, share, False, lambda texts: write(texts, ending))
        headers = position_header(submitted) | warning_header(submitted)
    return Response(text, headers=headers, media_type="application/json")
