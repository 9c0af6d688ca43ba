"""Bodies that are too large are refused before they are read."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.error_handlers import error_response
from router.errors import ApiError


class BodyLimit:
    """ASGI middleware: 413 for a body of more than ``max_body_bytes``, by its Content-Length or as it arrives."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > self._max_body_bytes:
            await error_response(self._too_large(f"{announced[:20]} bytes"))(scope, receive, send)
            return
        received_bytes = 0

        async def receive_counted() -> Message:
            nonlocal received_bytes
            message = await receive()
            if message["type"] == "http.request":
                received_bytes += len(message.get("body", b""))
                if received_bytes > self._max_body_bytes:
                    raise self._too_large(f"more than {received_bytes - 1} bytes")
            return message

        await self._app(scope, receive_counted, send)

    def _too_large(self, given: str) -> ApiError:
        return ApiError(
            413,
            f"the body has {given}; accepted are up to {self._max_body_bytes} bytes",
            headers={"Connection": "close"},
        )
