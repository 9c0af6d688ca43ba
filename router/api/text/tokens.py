"""``POST /tokenize``, ``POST /detokenize`` and ``GET /tokenizer_info``, as llama.cpp's server and vLLM have them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from router.answers.tokenizing import tokenized
from router.api.dependencies import BrokerDep, RecordDep
from router.http.json_body import JsonRoute
from router.http.json_text import json_text
from router.schemas.errors import GENERATION_ERRORS
from router.schemas.text.tokens import DetokenizeRequest, TokenizeRequest
from shared.wire.jobs import TextJob, TokenizeJob, TokenOutput
from shared.wire.payloads import Tokenized

QUICK_TOKENS = 10_000
"""More are written in a thread, one answer at a time, so that the event loop goes on."""

_writing = ThreadPoolExecutor(1, "tokens")

router = APIRouter(route_class=JsonRoute, tags=["text"])
info_router = APIRouter(tags=["text"])


@router.post("/tokenize", response_class=Response, responses=GENERATION_ERRORS)
@router.post("/v1/tokenize", response_class=Response, responses=GENERATION_ERRORS)
async def tokenize(body: TokenizeRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Count and list the tokens of a text, or of a chat with its `tools`. It waits for nothing that is generated."""
    found = await tokenized(request, broker, record, body.model, body.to_job(), body)
    if found.count <= QUICK_TOKENS:
        text = _answer(body, found)
    else:
        text = await asyncio.get_running_loop().run_in_executor(_writing, _answer, body, found)
    return Response(text, media_type="application/json")


@router.post("/detokenize", response_class=Response, responses=GENERATION_ERRORS)
@router.post("/v1/detokenize", response_class=Response, responses=GENERATION_ERRORS)
async def detokenize(body: DetokenizeRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """The text of tokens: `content` in llama.cpp's words, `prompt` in vLLM's."""
    found = await tokenized(request, broker, record, body.model, body.to_job(), body)
    return Response(json_text({"content": found.text, "prompt": found.text}), media_type="application/json")


@info_router.get("/tokenizer_info", response_class=Response, responses=GENERATION_ERRORS)
async def tokenizer_info(
    request: Request, broker: BrokerDep, record: RecordDep, model: Annotated[str | None, Query(max_length=256)] = None
) -> Response:
    """The tokens that begin and end a text, null if the model has none. lm-eval then asks for all tokens here."""
    found = await tokenized(request, broker, record, model, TokenizeJob(TextJob(prompt=""), TokenOutput.ENDS))
    begin, end = (_text(piece) or None for piece in found.pieces)
    answer = {"bos_token": begin, "eos_token": end, "model_max_length": found.context_tokens}
    return Response(json_text(answer), media_type="application/json")


def _answer(body: TokenizeRequest, found: Tokenized) -> str:
    """The answer's JSON. Each token is made into text at once: as objects, a million of them would take much memory."""
    if body.with_pieces:
        pairs = zip(found.token_ids, found.pieces, strict=True)
        tokens = ",".join([f'{{"id":{token},"piece":{json_text(_piece(piece))}}}' for token, piece in pairs])
    else:
        tokens = ",".join(map(str, found.token_ids))
    strings = json_text([_text(piece) for piece in found.pieces] if body.return_token_strs else None)
    numbers = f'"count":{found.count},"max_model_len":{found.context_tokens}'
    return f'{{"tokens":[{tokens}],{numbers},"token_strs":{strings}}}'


def _piece(piece: bytes) -> str | list[int]:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "replace")
