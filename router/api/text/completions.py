"""``POST /v1/completions``: a prompt, continued."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from router.answers.answering import RESUMABLE, answer_in_chunks, answer_whole
from router.answers.submission import SubmittedRequest
from router.api.dependencies import BrokerDep, RecordDep
from router.api.text.completion_answer import CompletionChunks, whole_completion
from router.http.json_body import JsonRoute
from router.schemas.completions import CompletionRequest
from router.schemas.errors import GENERATION_ERRORS

router = APIRouter(route_class=JsonRoute, tags=["text"])


@router.post("/v1/completions", response_class=Response, responses=GENERATION_ERRORS, dependencies=RESUMABLE)
async def complete(body: CompletionRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Continue a prompt. The answer is OpenAI's `text_completion`; `result` is the first choice's text."""
    submitted = SubmittedRequest(broker, record, body.model, body.to_jobs(), scheduling=body, choices_per_prompt=body.n)
    if body.stream:
        return await answer_in_chunks(request, submitted, CompletionChunks(body, submitted))
    return await answer_whole(request, submitted, body, whole_completion)
