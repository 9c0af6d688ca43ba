"""Answers as server-sent events, made for many small ones.

An event stream is written by hand here, since it is the router's hot path: each batch of a job's events becomes one
piece of text and one ASGI message, and only the text of the tokens is encoded anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from router.disconnect import ClientGone, unless_gone
from router.errors import ApiError
from router.generation import Batch, Generation
from router.json_text import json_text
from shared.jobs import Failed, Payload

KEEP_ALIVE_INTERVAL_S = 15.0
DONE_EVENT = "data: [DONE]\n\n"

log = logging.getLogger("nexa.request")


class ChunkWriter(Protocol):
    """Turns events into an endpoint's chunks, as text in the event stream format (``data: {...}`` and a blank line)."""

    def opening(self) -> str:
        """What comes before all events."""

    def render(self, choice: int, payloads: list[Payload]) -> str:
        """The chunks for some events of a choice; may be empty."""

    def closing(self, generation: Generation) -> str:
        """What comes after the last event, other than ``[DONE]``."""


class EventStream(Response):
    """An ASGI response that streams a generation, of which the first batch has been taken already.

    An error on the way is sent as an ``error`` event that holds an OpenAI error object, and ends the stream. A client
    that goes away ends the generation at once.
    """

    def __init__(self, generation: Generation, chunks: ChunkWriter, first: Batch | None) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(
            {
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",
            }
        )
        self._generation = generation
        self._chunks = chunks
        self._first = first
        self._sent_s = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole stream."""
        try:
            await unless_gone(receive, self._send_all(send))
        except (ClientGone, OSError):
            pass  # nobody is left to tell; closing frees the slots
        finally:
            self._generation.close()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        self._sent_s = time.monotonic()
        keeping_alive = asyncio.ensure_future(self._keep_alive(send))
        try:
            last = await self._send_events(send)
        except ApiError as error:
            last = _error_event(error)
        except OSError:
            raise
        except Exception:
            log.exception("stream failed", extra={"id": self._generation.record.request_id})
            last = _error_event(ApiError(500, "the server failed while it streamed this answer"))
        finally:
            keeping_alive.cancel()
        await _send(send, last, more=False)

    async def _send_events(self, send: Send) -> str:
        """Send what the generation produces; returns the text that closes the stream."""
        generation, chunks = self._generation, self._chunks
        text = chunks.opening()
        batch = self._first
        while batch is not None:
            choice, payloads = batch
            text += chunks.render(choice, payloads)
            if text:
                await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
                self._sent_s = time.monotonic()
                text = ""
            last = payloads[-1]
            if isinstance(last, Failed):
                raise ApiError.from_job(last)
            batch = await generation.next_batch()
        return text + chunks.closing(generation) + DONE_EVENT

    async def _keep_alive(self, send: Send) -> None:
        """Send a comment whenever nothing else was sent for ``KEEP_ALIVE_INTERVAL_S``."""
        while True:
            due_s = self._sent_s + KEEP_ALIVE_INTERVAL_S - time.monotonic()
            if due_s > 0:
                await asyncio.sleep(due_s)
                continue
            self._sent_s = time.monotonic()
            await _send(send, ": waiting\n\n")


async def _send(send: Send, text: str, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": more})


def _error_event(error: ApiError) -> str:
    return f"event: error\ndata: {json_text(error.body())}\n\n"
