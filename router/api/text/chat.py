"""``POST /v1/chat/completions``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from router.answers.response import RESUMABLE
from router.api.dependencies import BrokerDep, RecordDep
from router.api.text.answer import answer
from router.api.text.chat_answer import CHAT
from router.http.json_body import JsonRoute
from router.schemas.errors import GENERATION_ERRORS
from router.schemas.text.chat import ChatRequest

router = APIRouter(route_class=JsonRoute, tags=["text"])


@router.post("/v1/chat/completions", response_class=Response, responses=GENERATION_ERRORS, dependencies=RESUMABLE)
async def chat(body: ChatRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Answer a chat with text or, if there are `tools`, with tool calls."""
    return await answer(request, broker, record, body, CHAT)
