"""The API key, where the operator has set one."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from router.error_handlers import error_response
from router.errors import ApiError

OPEN_PATHS = frozenset({"/health", "/docs", "/openapi.json"})
OPEN_PREFIX = "/static-offline-docs/"


class ApiKey:
    """ASGI middleware: 401 for requests without ``Authorization: Bearer <key>``.

    ``/health`` and the documentation are open: a browser cannot send the header for a page. As all share the one key,
    users are still told apart by their address, and it makes nobody an administrator.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_PREFIX):
            await self._app(scope, receive, send)
            return
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self._key):
            await self._app(scope, receive, send)
            return
        problem = "the API key is wrong" if given else "no API key was given"
        error = ApiError(
            401,
            f"{problem}; accepted is the header Authorization: Bearer <key> with the server's key",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await error_response(error)(scope, receive, send)
