"""``POST /v1/embeddings``: texts to vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from router.answers.queue_wait import position_header
from router.answers.response import gathered
from router.answers.submission import SubmittedRequest
from router.answers.vectors import FLOAT_CHARS, NUMBER_BYTES, CollectedVectors, collect_vectors
from router.answers.warnings import warning_header
from router.api.dependencies import BrokerDep, RecordDep
from router.http.bodies.byte_budget import ByteShare, share_of
from router.http.json_body import JsonRoute
from router.http.json_text import json_text
from router.schemas.embeddings.embeddings import EmbeddingsRequest
from router.schemas.errors import GENERATION_ERRORS
from router.threads import Lane

SMALL_BYTES = 64 * 1024
"""Vectors of up to this size are written on the event loop, which takes a few milliseconds."""

_WRITING = Lane("vectors as text", threads=2, max_waiting=1024, timeout_s=None)

router = APIRouter(route_class=JsonRoute, tags=["embeddings"])


@router.post("/v1/embeddings", response_class=Response, responses=GENERATION_ERRORS)
async def embed(body: EmbeddingsRequest, request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Turn texts into vectors of length 1, whose dot product says how similar the texts are."""
    job, share = body.to_job(), share_of(request.scope)
    async with SubmittedRequest(broker, record, body.model, [job], scheduling=body) as submitted:
        vectors = await gathered(request, submitted, collect_vectors(submitted, len(job.inputs), share))
        tail = json_text({"model": submitted.model, "usage": usage(submitted)})[1:]
        is_base64 = body.encoding_format == "base64"
        text = await written(vectors, share, is_base64, functools.partial(_listed, tail))
        headers = position_header(submitted) | warning_header(submitted)
    return Response(text, headers=headers, media_type="application/json")


def usage(submitted: SubmittedRequest) -> dict[str, int]:
    """The tokens of all inputs, in OpenAI's form."""
    tokens = submitted.consumed.prompt_tokens
    return {"prompt_tokens": tokens, "total_tokens": tokens}


async def written(
    vectors: CollectedVectors, share: ByteShare, is_base64: bool, answer: Callable[[list[str]], bytes]
) -> bytes:
    """What ``answer`` makes of the vectors as JSON, of which many are written in a thread.

    Raises:
        ApiError: 413, 429 or 503, the texts need more memory than there is for requests.
    """

    def write() -> bytes:
        return answer(vectors.base64() if is_base64 else vectors.floats())

    if vectors.size_bytes <= SMALL_BYTES:
        return write()
    share.take(vectors.size_bytes * 4 // 3 if is_base64 else vectors.size_bytes // NUMBER_BYTES * FLOAT_CHARS)
    return await _WRITING.run(write)


def _listed(tail: str, texts: list[str]) -> bytes:
    """OpenAI's answer; ``tail`` are its last fields and its end."""
    items = (f'{{"object":"embedding","index":{index},"embedding":{text}}}' for index, text in enumerate(texts))
    return f'{{"object":"list","data":[{",".join(items)}],{tail}'.encode()
