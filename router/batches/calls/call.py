"""Runs a line of a batch: a request to this application, in this process, for the batch's owner."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

from router.batches.calls.results import LineAnswer
from router.http.request_record import ON_BEHALF, Behalf

MAX_RETRY_AFTER_S = 3600.0


class LineCaller:
    """Calls ``app``, the whole application. A line goes the way of every request, through all middleware.

    Only the connection and the key are left out: the batch's owner was authenticated when the batch was made.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def call(self, path: str, body: bytes, request_id: str, behalf: Behalf) -> LineAnswer:
        """The answer to a POST of this JSON. Cancelling the call cancels the request."""
        received = False
        status, headers, parts = 500, Headers(), list[bytes]()

        async def receive() -> Message:
            nonlocal received
            if received:
                await asyncio.Event().wait()  # there is no client that could leave
            received = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=message["headers"])
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._app(_scope(path, body, request_id, behalf), receive, send)
        return LineAnswer(
            status=status,
            body=b"".join(parts),
            is_json=headers.get("content-type", "").startswith("application/json"),
            request_id=headers.get("x-request-id", request_id),
            retry_after_s=_seconds(headers.get("retry-after", "")),
        )


def _scope(path: str, body: bytes, request_id: str, behalf: Behalf) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request_id.encode()),
        ],
        "client": None,
        "server": None,
        "state": {},
        ON_BEHALF: behalf,
    }


def _seconds(given: str) -> float | None:
    return min(float(given), MAX_RETRY_AFTER_S) if given.isascii() and given.isdigit() else None
