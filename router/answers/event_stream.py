"""Streamed answers: server-sent events, or lines of JSON.

This is the router's hot path, so events are formatted by hand: each batch of a job's events becomes one string and one
ASGI message, and only the tokens' text is encoded per event.

Events have ids only in a stream that can be resumed, and no blank line ever follows a comment: to some clients a blank
line is an event in itself (openai-python and httpx-sse once any event had an id, older releases of openai-go always).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from router.answers.stream_format import EVENTS, StreamFormat
from router.answers.submission import Batch, SubmittedRequest
from router.answers.warnings import warning_header
from router.http.disconnect import ClientGone, run_unless_disconnected
from router.http.json_text import json_text
from router.schemas.errors import ApiError
from shared.wire.payloads import Failed, Payload

KEEP_ALIVE_INTERVAL_S = 15.0
"""Silence after which something is sent, so that proxies do not close the connection."""
DONE_EVENT = "data: [DONE]\n\n"

log = logging.getLogger("nexa.request")


class ChunkWriter(Protocol):
    """Writes the chunks of a stream in the form of one API: events (``data: {...}`` and a blank line), or lines."""

    @property
    def stream_format(self) -> StreamFormat:
        """What the chunks are."""

    def opening(self) -> list[str]:
        """The chunks before the first event."""

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """The chunks for some events of a choice; may be empty."""

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        """The chunks after the last event, with the mark of the end. All choices are done."""

    def failure(self, error: ApiError) -> list[str]:
        """The chunks that end a stream in which this error happened."""


@runtime_checkable
class TellsReaders(Protocol):
    """A writer that remembers what it has written, and must know whether an answer failed or only one reader did."""

    def reader_failure(self, error: ApiError) -> list[str]:
        """The chunks that end the stream of one reader, while the answer may go on."""


class EventWriter:
    """Base of writers of server-sent events with OpenAI's errors."""

    stream_format = EVENTS

    def opening(self) -> list[str]:
        """There are no chunks before the first event."""
        return []

    def failure(self, error: ApiError) -> list[str]:
        """An ``error`` event."""
        return [error_event(error)]


async def write_events(
    submitted: SubmittedRequest,
    chunks: ChunkWriter,
    first: Batch | None,
    write: Callable[[list[str]], Awaitable[None]],
) -> list[str]:
    """Pass a request's events to ``write`` as they come; returns the events that end the stream.

    These are the last chunks, or those of an error. ``first`` is the request's first batch if it was
    already taken.

    Raises:
        ClientGone: raised by ``write`` when the client has disconnected.
    """
    try:
        events = chunks.opening()
        batch = first or await submitted.next_batch()
        while batch is not None:
            choice, payloads = batch
            events += chunks.render(choice, payloads)
            if events:
                await write(events)
                events = []
            last = payloads[-1]
            if isinstance(last, Failed):
                raise submitted.error_of(last)
            batch = await submitted.next_batch()
        submitted.check_done()
        return [*events, *chunks.closing(submitted)]
    except ApiError as error:
        return chunks.failure(error)
    except ClientGone:
        raise
    except Exception:
        log.exception("stream failed", extra={"id": submitted.record.request_id})
        return chunks.failure(ApiError(500, "the server failed while streaming this answer; its log has the reason"))


def error_event(error: ApiError) -> str:
    """An ``error`` event with an OpenAI error object."""
    return f"event: error\ndata: {json_text(error.body())}\n\n"


class EventResponse(Response, ABC):
    """An ASGI response of a stream, which ends when the client disconnects."""

    def __init__(self, job_id: str, stream_format: StreamFormat = EVENTS) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(
            {
                "Content-Type": stream_format.media_type,
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",
                "X-Job-Id": job_id,
            }
        )
        self._keep_alive_text = stream_format.keep_alive.encode()
        self._sent_at_s = 0.0

    @abstractmethod
    async def send_events(self) -> bytes:
        """Send all events with :meth:`put` except the last ones, and return those."""

    @abstractmethod
    def leave(self) -> None:
        """Clean up after the response, complete or not."""

    async def put(self, body: bytes, more: bool = True) -> None:
        """Send some events.

        Raises:
            ClientGone: the client has closed its connection.
        """
        try:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except OSError:
            raise ClientGone from None
        self._sent_at_s = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole stream."""
        self._send = send
        try:
            await run_unless_disconnected(receive, self._send_all())
        except ClientGone:
            pass  # nobody is left to answer
        finally:
            self.leave()

    async def send_head(self, send: Send) -> None:
        """Send the status and the headers."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _send_all(self) -> None:
        try:
            await self.send_head(self._send)
        except OSError:
            raise ClientGone from None
        self._sent_at_s = time.monotonic()
        keeping_alive = asyncio.ensure_future(self._keep_alive()) if self._keep_alive_text else None
        try:
            end = await self.send_events()
        finally:
            if keeping_alive is not None:
                keeping_alive.cancel()
        await self.put(end, more=False)

    async def _keep_alive(self) -> None:
        """Send a sign of life after each ``KEEP_ALIVE_INTERVAL_S`` of silence."""
        while True:
            wait_s = self._sent_at_s + KEEP_ALIVE_INTERVAL_S - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue
            self._sent_at_s = time.monotonic()
            with contextlib.suppress(ClientGone):
                await self.put(self._keep_alive_text)


class EventStream(EventResponse):
    """Streams a request whose first batch was already taken.

    An error is sent as a chunk, which ends the stream. The request is closed when the stream ends or the
    client disconnects.
    """

    def __init__(self, submitted: SubmittedRequest, chunks: ChunkWriter, first: Batch | None) -> None:
        super().__init__(submitted.record.answer_id, chunks.stream_format)
        self.headers.update(warning_header(submitted))
        self._submitted = submitted
        self._chunks = chunks
        self._first = first

    async def send_events(self) -> bytes:
        """Send the request's events."""
        return "".join(await write_events(self._submitted, self._chunks, self._first, self._write)).encode()

    def leave(self) -> None:
        """Close the request, which frees its slots."""
        self._submitted.close()

    def _write(self, events: list[str]) -> Awaitable[None]:
        return self.put("".join(events).encode())
