"""``POST /v1/chat/completions``: a chat, answered."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from router.answers.answering import RESUMABLE, answer_in_chunks, answer_whole
from router.answers.submission import SubmittedRequest
from router.api.dependencies import BrokerDep, RecordDep
from router.api.text.chat_answer import ChatChunks, whole_chat
from router.http.json_body import JsonRoute
from router.schemas.chat import ChatRequest
from router.schemas.errors import GENERATION_ERRORS

router = APIRouter(route_class=JsonRoute, tags=["text"])


@router.post("/v1/chat/completions", response_class=Response, responses=GENERATION_ERRORS, dependencies=RESUMABLE)
async def chat(body: ChatRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Answer a chat, in words or, where `tools` are given, with calls."""
    submitted = SubmittedRequest(broker, record, body.model, body.to_jobs(), scheduling=body, choices_per_prompt=body.n)
    if body.stream:
        return await answer_in_chunks(request, submitted, ChatChunks(body, submitted))
    return await answer_whole(request, submitted, body, whole_chat)
