"""The API key of each request: whose it is, and whether it needs one."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Set

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from router.http.error_handlers import error_response
from router.http.request_record import record_of
from router.keys.access import Access
from router.schemas.errors import ApiError

log = logging.getLogger("nexa.auth")

DOCUMENTATION_PATHS = frozenset({"/docs", "/openapi.json"})
DOCUMENTATION_PREFIX = "/static-offline-docs/"


class Authentication:
    """ASGI middleware: enters the user of ``Authorization: Bearer <key>`` into the request's record, or answers 401.

    A key of its own makes a request its user's, with that key's limits; the server's one key, which all share, lets
    users in who are told apart by their addresses, and makes nobody an administrator. Where no key is needed, one that
    is not known is ignored, since OpenAI's clients always send one. The ``open_paths`` need no key, nor does the
    documentation: a browser cannot send the header for a page.
    """

    def __init__(self, app: ASGIApp, access: Access, open_paths: Set[str] = frozenset()) -> None:
        self._app = app
        self._access = access
        self._open_paths = open_paths | DOCUMENTATION_PATHS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and not self._is_open(scope["path"]):
            refusal = self._judge(scope)
            if refusal is not None:
                await error_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(DOCUMENTATION_PREFIX)

    def _judge(self, scope: Scope) -> ApiError | None:
        """Why the request is refused, or None; what its key says is entered into its record."""
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""
        try:
            key = self._access.find(given)
            if key is not None:
                record = record_of(scope)
                record.user = record.key_name = key.name
                record.limits, record.admin = key.limits, key.admin
                return None
            if self._access.is_shared(given) or not self._access.needs_key:
                return None
        except sqlite3.Error:
            log.exception("the key file cannot be read")
            return ApiError(503, "the server cannot read its API keys; its log has the reason")
        problem = "the API key is wrong, or was revoked" if given else "no API key was given"
        return ApiError(
            401,
            f"{problem}; accepted is the header Authorization: Bearer <key> with a key of this server",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )
