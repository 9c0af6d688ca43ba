"""``POST /v1/function-calling``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from router.answers.response import RESUMABLE
from router.api.dependencies import BrokerDep, RecordDep
from router.api.text.answer import answer
from router.api.text.chat_answer import CHAT
from router.http.json_body import JsonRoute
from router.schemas.errors import GENERATION_ERRORS
from router.schemas.text.function_calling import FunctionCallingRequest

router = APIRouter(route_class=JsonRoute, tags=["text"])


@router.post("/v1/function-calling", response_class=Response, responses=GENERATION_ERRORS, dependencies=RESUMABLE)
async def call_function(
    body: FunctionCallingRequest, request: Request, broker: BrokerDep, record: RecordDep
) -> Response:
    """Answer a chat with a call of the most suitable of `tools`. The arguments always satisfy the function's schema."""
    return await answer(request, broker, record, body, CHAT)
