"""``POST /v1/completions``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from router.answers.response import RESUMABLE
from router.api.dependencies import BrokerDep, RecordDep
from router.api.text.answer import answer
from router.api.text.completion_answer import COMPLETION
from router.http.json_body import JsonRoute
from router.schemas.errors import GENERATION_ERRORS
from router.schemas.text.completions import CompletionRequest

router = APIRouter(route_class=JsonRoute, tags=["text"])


@router.post("/v1/completions", response_class=Response, responses=GENERATION_ERRORS, dependencies=RESUMABLE)
async def complete(body: CompletionRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Continue a prompt. The answer is OpenAI's `text_completion`; `result` is the first choice's text."""
    return await answer(request, broker, record, body, COMPLETION)
