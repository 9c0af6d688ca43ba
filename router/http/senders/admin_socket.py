"""Orders to workers over a Unix socket in the run folder, which only the folder's owner can open."""

from __future__ import annotations

import socket
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from router.http.error_handlers import error_response
from router.schemas.errors import ApiError
from shared.wire.run_folder import admin_socket_in

OVER_ADMIN_SOCKET = "nexa.over_admin_socket"
"""The key in the scope of a request that came over the admin socket."""

_PATHS = "/v1/workers"
_MODELS = "/v1/models"
_ORDERS = ("/load", "/unload")


class AdminSocket:
    """ASGI middleware: lets requests over the admin socket reach workers and models, past the checks, and no more.

    Args:
        app: the application, for requests over the admin socket.
        inner: the application behind the checks that other requests have to pass.
        path: the socket's.
    """

    def __init__(self, app: ASGIApp, inner: ASGIApp, path: Path) -> None:
        self._app = app
        self._inner = inner
        self._path = str(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["server"][0] != self._path:
            await self._inner(scope, receive, send)
        elif _leads(scope["method"], scope["path"]):
            scope[OVER_ADMIN_SOCKET] = True
            await self._app(scope, receive, send)
        else:
            refusal = ApiError(
                404, f"path: expected {_PATHS} or one below, or to load or unload a model, got {scope['path'][:100]}"
            )
            await error_response(refusal)(scope, receive, send)


def _leads(method: str, path: str) -> bool:
    """Whether the socket leads there: to the workers, to what is loaded, and to orders to load and unload."""
    if path == _PATHS or path.startswith(f"{_PATHS}/"):
        return True
    if path != _MODELS and not path.startswith(f"{_MODELS}/"):
        return False
    return method == "GET" or (method == "POST" and path.endswith(_ORDERS))


def listen_for_admin(run_folder: Path) -> socket.socket:
    """The admin socket of a server, listening. One that an earlier router left is replaced.

    Raises:
        OSError: it cannot be made.
    """
    path = admin_socket_in(run_folder)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    return listener
