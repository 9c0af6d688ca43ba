"""``POST /v1/messages`` and ``POST /v1/messages/count_tokens``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from router.answers.response import RESUMABLE
from router.answers.tokenizing import counted_tokens
from router.api.anthropic.errors import REQUEST_ID_HEADER
from router.api.anthropic.message import MESSAGE
from router.api.dependencies import BrokerDep, RecordDep
from router.api.text.answer import answer
from router.http.json_body import JsonRoute
from router.http.json_text import json_text
from router.schemas.anthropic.errors import MESSAGE_ERRORS
from router.schemas.anthropic.request import CountRequest, MessagesRequest

MESSAGES_PATH = "/v1/messages"
COUNT_PATH = "/v1/messages/count_tokens"

router = APIRouter(route_class=JsonRoute, tags=["text"])


@router.post(MESSAGES_PATH, response_class=Response, responses=MESSAGE_ERRORS, dependencies=RESUMABLE)
async def messages(body: MessagesRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Answer a chat in Anthropic's form."""
    response = await answer(request, broker, record, body, MESSAGE)
    response.headers[REQUEST_ID_HEADER] = record.request_id
    return response


@router.post(COUNT_PATH, response_class=Response, responses=MESSAGE_ERRORS)
async def count_tokens(body: CountRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Count the tokens of a chat in Anthropic's form, with its tools."""
    count = await counted_tokens(request, broker, record, body.model, body.to_job(), body)
    headers = {REQUEST_ID_HEADER: record.request_id}
    return Response(json_text({"input_tokens": count}), headers=headers, media_type="application/json")
