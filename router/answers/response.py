"""Responses of the generating endpoints: whole, streamed, queued or resumable."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request
from starlette.responses import Response

from router.answers.choices import CollectedChoice, collect
from router.answers.event_stream import ChunkWriter, EventStream
from router.answers.queue_wait import QueuedStream, first_batch, position_header
from router.answers.registry import JobRegistry
from router.answers.resumable_stream import ResumableResponse
from router.answers.submission import SubmittedRequest
from router.answers.warnings import warning_header
from router.http.disconnect import run_unless_disconnected
from router.http.json_text import json_text
from shared.wire.payloads import Failed

R = TypeVar("R")
T = TypeVar("T")

_RESUMABLE_HELP = (
    "Keep a streamed answer going if the connection is lost. `GET /v1/jobs/{id}/events` sends the rest; the id is in "
    "the response header `X-Job-Id`."
)


async def _note_resumable(
    request: Request, x_resumable: Annotated[bool, Header(alias="X-Resumable", description=_RESUMABLE_HELP)] = False
) -> None:
    request.state.resumable = x_resumable


RESUMABLE = [Depends(_note_resumable)]
"""The dependencies of an endpoint whose streams can be resumed."""


def is_resumable(request: Request) -> bool:
    """Whether the client wants to be able to come back to this stream, and the endpoint can do that."""
    return bool(getattr(request.state, "resumable", False))


def registry_of(request: Request) -> JobRegistry:
    """The application's registry of running requests."""
    registry: JobRegistry = request.app.state.job_registry
    return registry


async def answer_whole(
    request: Request,
    submitted: SubmittedRequest,
    body: R,
    write: Callable[[R, SubmittedRequest, list[CollectedChoice]], dict[str, Any]],
) -> Response:
    """Answer with one JSON object, which ``write`` makes from the request's body and the finished choices."""
    choices = await gathered(request, submitted, collect(submitted))
    text = json_text(write(body, submitted, choices))
    headers = position_header(submitted) | warning_header(submitted)
    return Response(text, headers=headers, media_type="application/json")


async def gathered(request: Request, submitted: SubmittedRequest, work: Coroutine[Any, Any, T]) -> T:
    """Register a request and return the result of ``work``, which collects its events.

    Raises:
        ClientGone: the client disconnected.
        ApiError: a choice failed, or was stopped by its user or by the server.
    """
    registry_of(request).add(submitted)
    return await run_unless_disconnected(request.receive, work)


async def answer_in_chunks(request: Request, submitted: SubmittedRequest, chunks: ChunkWriter) -> Response:
    """Answer with an event stream, which takes over the submitted request.

    The response starts with the first event, so that an error before it gets its own HTTP status, or after
    ``START_DELAY_S`` in the queue. A resumable stream starts at once, since its client needs the job's id.
    """
    response: Response
    if is_resumable(request):
        response = ResumableResponse(registry_of(request).keep(submitted, chunks))
    else:
        registry_of(request).add(submitted)
        response = await _begun(request, submitted, chunks)
    submitted.release()
    return response


async def _begun(request: Request, submitted: SubmittedRequest, chunks: ChunkWriter) -> Response:
    """Wait for the first event, or ``START_DELAY_S`` in the queue, and return the stream."""
    if submitted.queue_position:
        taking = await run_unless_disconnected(request.receive, first_batch(submitted))
        if not taking.done():
            stream_of = functools.partial(EventStream, submitted, chunks)
            return QueuedStream(submitted, taking, stream_of, chunks.stream_format)
        first = taking.result()
    else:
        first = await run_unless_disconnected(request.receive, submitted.next_batch())
    if first is None:
        submitted.check_done()  # raises: a request without events was stopped
    elif isinstance(first[1][0], Failed):
        raise submitted.error_of(first[1][0])
    return EventStream(submitted, chunks, first)
