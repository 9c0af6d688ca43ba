"""A client with minimal CPU cost: it stores the received bytes and their times, and parses them after the measurement.

A common HTTP client takes several times more CPU time per streamed token than the router, and would be the bottleneck.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from typing import cast

STREAM_END = b"0\r\n\r\n"
"""The end of a chunked HTTP body. No event ends like this: events end with two line feeds."""
JSON_END = b"}"

Received = tuple[float, bytes]
"""Received bytes and when they arrived (monotonic clock, seconds)."""


class WrongAnswer(Exception):
    """An answer is not the right one for its request."""


class Connection(asyncio.Protocol):
    """An HTTP connection that carries one request at a time."""

    def __init__(self) -> None:
        self._received: list[Received] = []
        self._end = b""
        self._answered: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """Open a connection.

        Raises:
            OSError: nobody listens there.
        """
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    async def ask(self, request: bytes, end: bytes = STREAM_END) -> list[Received]:
        """Send a request; returns everything received up to ``end``.

        Raises:
            ConnectionError: the server closed the connection before that.
        """
        self._received, self._end = [], end
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._answered
        return self._received

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class does not inherit from it

    def data_received(self, data: bytes) -> None:
        self._received.append((time.monotonic(), data))
        tail = data if len(data) >= len(self._end) else b"".join(data for _, data in self._received[-len(self._end) :])
        if tail.endswith(self._end) and self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionError("the server closed the connection"))


def request_bytes(path: str, body: object = None) -> bytes:
    """An HTTP/1.1 request: a POST of ``body`` as JSON, or a GET without one."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: localhost"]
    if data:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode() + data


def read_stream(received: Sequence[Received]) -> tuple[str, int]:
    """The text of a streamed body, and the number of its HTTP chunks.

    Raises:
        WrongAnswer: the status is not 200.
    """
    head, _, body = b"".join(data for _, data in received).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise WrongAnswer((head.partition(b"\r\n")[0] + b": " + body[:300]).decode("utf-8", "replace"))
    chunks = list(_http_chunks(body))
    return b"".join(chunks).decode(), len(chunks)


def first_text_s(received: Sequence[Received]) -> float:
    """When the first text of a streamed chat arrived; the chunk with the role does not count.

    Raises:
        WrongAnswer: there is no text.
    """
    seen = b""
    for arrived_at_s, data in received:
        seen += data
        if b'"delta":{"content":"' in seen:
            return arrived_at_s
    raise WrongAnswer("the stream has no text")


def _http_chunks(body: bytes) -> Iterator[bytes]:
    at = 0
    while True:
        line_end = body.index(b"\r\n", at)
        size = int(body[at:line_end], 16)
        if size == 0:
            return
        yield body[line_end + 2 : line_end + 2 + size]
        at = line_end + size + 4
