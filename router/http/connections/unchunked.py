"""Answers to HTTP/1.0 clients, which do not know chunks."""

from __future__ import annotations

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Unchunked:
    """ASGI middleware for one HTTP/1.0 request: a body of unknown length is sent as it is, and ended by closing.

    ``cycle`` is the request's. uvicorn closes the connections of HTTP/1.0 clients after one answer.
    """

    def __init__(self, app: ASGI3Application, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle
        self._length_unknown = False

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Handle the request."""

        async def send_unchunked(message: ASGISendEvent) -> None:
            self._choose_length(message)
            await send(message)

        await self._app(scope, receive, send_unchunked)

    def _choose_length(self, message: ASGISendEvent) -> None:
        """Make uvicorn write the next part as it is: it compares each with the rest of the Content-Length."""
        if message["type"] == "http.response.start":
            self._length_unknown = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            if self._length_unknown:
                self._cycle.chunked_encoding = False
        elif message["type"] == "http.response.body" and self._length_unknown:
            self._cycle.expected_content_length = len(message.get("body", b""))
