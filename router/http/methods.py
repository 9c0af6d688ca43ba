"""Methods: HEAD wherever there is GET, OPTIONS everywhere, and 405 where a path exists with other methods."""

from __future__ import annotations

from collections.abc import Mapping, Set

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.http.error_handlers import error_response
from router.http.request_record import ENDPOINT, HEAD_ONLY
from router.schemas.errors import ApiError, allowed_methods, wrong_method
from router.schemas.shown import shown


class Methods:
    """ASGI middleware: answers HEAD with the head of GET's answer, and a wrong method on one of the ``paths`` with 405.

    OPTIONS is answered with the methods of a path: some programs ask for it to see whether the server is there. What
    a browser asks in this way for a page of another origin stays 405; allowed origins do not come here.

    ``paths`` are the paths without parameters, and their methods. A path with a parameter must not hide them: without
    this, ``GET /v1/images/generations`` would ask for a picture of that name.
    """

    def __init__(self, app: ASGIApp, paths: Mapping[str, Set[str]]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        wanted = "GET" if method == "HEAD" else method
        if path.endswith("\n"):  # the routes' "$" matches before it: it would be the path without it, for them only
            missing = ApiError(404, f"there is no {method} {shown(path)}; GET /docs lists the endpoints")
            await error_response(missing)(scope, receive, send)
        elif method == "OPTIONS" and path in self._paths and not _is_preflight(scope):
            scope[ENDPOINT] = path
            await Response(status_code=204, headers={"Allow": allowed_methods(self._paths[path])})(scope, receive, send)
        elif wanted not in self._paths.get(path, (wanted,)):
            scope[ENDPOINT] = path
            await error_response(wrong_method(method, path, self._paths[path]))(scope, receive, send)
        elif method == "HEAD":
            await self._answer_head(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        as_get = {**scope, "method": "GET", HEAD_ONLY: True}
        await self._app(as_get, receive, send_head)
        scope.update({name: as_get[name] for name in ("route",) if name in as_get})


def _is_preflight(scope: Scope) -> bool:
    return "access-control-request-method" in Headers(scope=scope)
