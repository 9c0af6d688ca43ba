"""Checks the ``Host`` of requests: a web page can make its own name mean this machine (DNS rebinding)."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from router.http.error_handlers import error_response
from router.http.senders.own_names import is_own_name
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.addresses import is_loopback
from shared.settings import ServerOptions

_HOST = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*)(:\d{1,5})?", re.ASCII)


class HostCheck:
    """ASGI middleware: answers 400 without exactly one ``Host``, and 403 if it is not a name of this server.

    Any name will do where ``needs_key`` says that a web page could do nothing without a key, and where other machines
    may connect, unless ``--allowed-host`` says what the names are.
    """

    def __init__(self, app: ASGIApp, options: ServerOptions, needs_key: Callable[[], bool]) -> None:
        self._app = app
        self._needs_key = needs_key
        self._is_local = is_loopback(options.host)
        self._is_limited = bool(options.allowed_hosts)
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is not None:
            await error_response(refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(given) != 1 and not (not given and scope["http_version"] == "1.0"):
            return ApiError(400, f"Host: expected exactly one, got {len(given)}", headers={"Connection": "close"})
        if not given or not (self._is_limited or (self._is_local and not self._needs_key())):
            return None
        found = _HOST.fullmatch(given[0].strip())
        if is_own_name(found["name"] if found else "", self._options):
            return None
        message = f"Host: expected a name of this server, got {shown(given[0])}; --allowed-host allows other names"
        return ApiError(403, message, code="host_not_allowed")
