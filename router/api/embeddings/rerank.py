"""``POST /v1/rerank``: documents by how well they answer a query, in the shape of Cohere and of Jina."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from router.answers.queue_wait import position_header
from router.answers.response import gathered
from router.answers.submission import SubmittedRequest
from router.answers.vectors import collect_scores
from router.answers.warnings import warning_header
from router.api.dependencies import BrokerDep, RecordDep
from router.api.embeddings.embeddings import usage
from router.http.json_body import JsonRoute
from router.http.json_text import json_text
from router.schemas.embeddings.rerank import RerankRequest
from router.schemas.errors import GENERATION_ERRORS

router = APIRouter(route_class=JsonRoute, tags=["embeddings"])


@router.post("/v1/rerank", response_class=Response, responses=GENERATION_ERRORS)
@router.post("/v2/rerank", response_class=Response, responses=GENERATION_ERRORS)
@router.post("/rerank", response_class=Response, responses=GENERATION_ERRORS)
async def rerank(body: RerankRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Sort documents by how well they answer a query, the best first. Scores are from 0 to 1."""
    job = body.to_job()
    async with SubmittedRequest(broker, record, body.model, [job], scheduling=body) as submitted:
        scores = await gathered(request, submitted, collect_scores(submitted, len(job.documents)))
        headers = position_header(submitted) | warning_header(submitted)
    return Response(json_text(_answer(body, submitted, scores)), headers=headers, media_type="application/json")


def _answer(body: RerankRequest, submitted: SubmittedRequest, scores: list[float]) -> dict[str, Any]:
    best = sorted(range(len(scores)), key=lambda index: -scores[index])[: body.top_n]
    texts = body.texts
    tokens = usage(submitted)
    return {
        "id": f"rerank-{submitted.record.answer_id}",
        "object": "list",
        "model": submitted.model,
        "results": [
            {
                "index": index,
                "relevance_score": scores[index],
                **({"document": {"text": texts[index]}} if body.return_documents else {}),
            }
            for index in best
        ],
        "usage": tokens,
        "meta": {"tokens": {"input_tokens": tokens["prompt_tokens"], "output_tokens": 0}},
    }
