"""The way that every text endpoint answers: submit, wait for the first event, then stream or gather."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request
from starlette.responses import Response

from router.collected import CollectedChoice, collect
from router.disconnect import unless_gone
from router.errors import ApiError
from router.generation import Generation
from router.json_text import json_text
from router.streaming import ChunkWriter, EventStream
from router.waiting import QueuedStream, first_batch, position_header
from shared.jobs import Failed

R = TypeVar("R")


async def answer_whole(
    request: Request,
    generation: Generation,
    body: R,
    write: Callable[[R, Generation, list[CollectedChoice]], dict[str, Any]],
) -> Response:
    """The answer in one JSON object, which ``write`` makes of the request's body and the gathered choices."""
    try:
        choices = await unless_gone(request.receive, collect(generation))
        text = json_text(write(body, generation, choices))
        return Response(text, headers=position_header(generation), media_type="application/json")
    finally:
        generation.close()


async def answer_in_chunks(request: Request, generation: Generation, chunks: ChunkWriter) -> Response:
    """The answer as an event stream.

    Nothing is sent before the first event of a job, so that an error that comes first has its own HTTP status, unless
    the client has waited for long enough in the queue to want to know where it stands.
    """
    try:
        if generation.queue_position:
            taking = await unless_gone(request.receive, first_batch(generation))
            if not taking.done():
                return QueuedStream(generation, taking, lambda first: EventStream(generation, chunks, first))
            first = taking.result()
        else:
            first = await unless_gone(request.receive, generation.next_batch())
        if first is not None and isinstance(first[1][0], Failed):
            raise ApiError.from_job(first[1][0])
    except BaseException:
        generation.close()
        raise
    return EventStream(generation, chunks, first)
