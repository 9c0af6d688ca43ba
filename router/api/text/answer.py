"""The common part of all text endpoints: submit a job for each choice, then answer whole or as a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from fastapi import Request, Response

from router.answers.choices import CollectedChoice
from router.answers.event_stream import ChunkWriter
from router.answers.response import answer_in_chunks, answer_whole
from router.answers.submission import SubmittedRequest
from router.api.text.rendering import Rendering
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.schemas.text.chat import ChatRequest
from router.schemas.text.completions import CompletionRequest

B = TypeVar("B", ChatRequest, CompletionRequest)


async def answer(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    body: B,
    write_whole: Callable[[B, SubmittedRequest, list[CollectedChoice]], dict[str, Any]],
    make_writer: Callable[[Rendering, SubmittedRequest], ChunkWriter],
) -> Response:
    """Answer with the object that ``write_whole`` makes or, if ``body.stream`` is set, with the writer's chunks."""
    submission = SubmittedRequest(broker, record, body.model, body.to_jobs(), (), body, body.n)
    if not body.stream:
        async with submission as submitted:
            return await answer_whole(request, submitted, body, write_whole)
    rendering = Rendering.of(body)
    if request.state.resumable:
        submission.outlive_router(request.scope["route"].path, msgspec.msgpack.encode(rendering))
    async with submission as submitted:
        return await answer_in_chunks(request, submitted, make_writer(rendering, submitted))
