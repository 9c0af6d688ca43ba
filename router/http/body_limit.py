"""Limits the size of request bodies, and decodes compressed ones."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.http.content_encoding import DecodedBody, codings_of
from router.http.error_handlers import error_response
from router.schemas.errors import ApiError


class BodyLimit:
    """ASGI middleware: answers 413 if a body's Content-Length, or what arrives of it, is over ``max_body_bytes``.

    ``limits`` overrides ``max_body_bytes`` for some paths. Compressed bodies are decoded; the limit is then for both
    the compressed and the decoded body.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, limits: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._limits = limits or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limits.get(scope["path"], self._max_body_bytes)
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")[:20]
        if declared.isascii() and declared.isdigit() and int(declared) > limit:
            await error_response(body_too_large(limit, got=declared))(scope, receive, send)
            return
        limited = _limited(receive, limit)
        codings = codings_of(",".join(headers.getlist("content-encoding")))
        if codings:
            too_large = body_too_large(limit, hint=" after decoding")
            limited = DecodedBody(limited, codings, limit, too_large).receive
        await self._app(scope, limited, send)


def _limited(receive: Receive, limit: int) -> Receive:
    received_bytes = 0

    async def receive_counted() -> Message:
        nonlocal received_bytes
        message = await receive()
        if message["type"] == "http.request":
            received_bytes += len(message.get("body", b""))
            if received_bytes > limit:
                raise body_too_large(limit)
        return message

    return receive_counted


def body_too_large(max_bytes: int, got: str = "more", hint: str = "") -> ApiError:
    """A 413 that closes the connection, since the rest of the body stays unread."""
    message = f"body: expected at most {max_bytes} bytes, got {got}{hint}"
    return ApiError(413, message, headers={"Connection": "close"})
