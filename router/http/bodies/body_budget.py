"""Counts the bytes of requests from their arrival to their end, and ends bodies that arrive too slowly."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.http.bodies.byte_budget import ByteBudget, ByteShare, attach_share
from router.http.request_record import record_of
from router.schemas.errors import ApiError

SLOW_BODY_S = 60.0
MIN_BODY_BYTES_PER_S = 16 * 1024
"""A body that takes longer than ``SLOW_BODY_S`` must have arrived at this rate."""


class BodyBudget:
    """ASGI middleware: what arrives of a body is taken from ``memory`` until the end, and what else endpoints take.

    Of a form, at most ``form_memory_bytes`` are taken from there, and the rest from ``files``.
    A request that goes on without its connection gives its share back when it ends.
    """

    def __init__(self, app: ASGIApp, memory: ByteBudget, files: ByteBudget, form_memory_bytes: int) -> None:
        self._app = app
        self._memory = memory
        self._files = files
        self._form_memory_bytes = form_memory_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, record = Headers(scope=scope), record_of(scope)
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        is_form = headers.get("content-type", "").lower().startswith("multipart/")
        if is_form:
            share = ByteShare(record.user, self._memory, self._files, self._form_memory_bytes)
        else:
            share = ByteShare(record.user, self._memory)
        attach_share(scope, share)
        try:
            await self._app(scope, _counted(receive, share) if has_body else receive, send)
        finally:
            record.answer_sent(share.release)


def _counted(receive: Receive, share: ByteShare) -> Receive:
    loop = asyncio.get_running_loop()
    slow_at_s = loop.time() + SLOW_BODY_S
    arrived_bytes = 0
    complete = False

    async def receive_counted() -> Message:
        nonlocal arrived_bytes, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(slow_at_s + arrived_bytes / MIN_BODY_BYTES_PER_S):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        count = len(message.get("body", b""))
        complete = not message.get("more_body", False)
        arrived_bytes += count
        share.take(count)
        return message

    return receive_counted


def _too_slow() -> ApiError:
    message = f"body: expected at least {MIN_BODY_BYTES_PER_S} bytes per second after {SLOW_BODY_S:g} s, got fewer"
    return ApiError(408, message, headers={"Connection": "close"})
