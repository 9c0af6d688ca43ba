"""Answers to browsers whose page is from another origin."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from shared.origins import ANY, is_allowed

METHODS = ("GET", "HEAD", "POST", "DELETE")
_NETWORKS = ("Private-Network", "Local-Network")
"""What Chrome asks for before a page from the internet reaches this network: the name of the draft has changed."""


class OriginCheck(CORSMiddleware):
    """ASGI middleware: web pages of the ``origins`` may call this server and read its answers."""

    def __init__(self, app: ASGIApp, origins: Sequence[str], expose_headers: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=(ANY,) if ANY in origins else (),
            allow_methods=METHODS,
            allow_headers=("*",),
            expose_headers=expose_headers,
        )
        self._origins = origins

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether ``origin`` is one of the allowed ones."""
        return is_allowed(origin, self._origins)

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a browser that asks before it sends a request."""
        asked = {name: f"access-control-request-{name.lower()}" for name in _NETWORKS}
        names = {header.encode() for header in asked.values()}
        plain = Headers(raw=[(name, value) for name, value in request_headers.raw if name.lower() not in names])
        response = super().preflight_response(plain)
        if response.status_code == 200:
            for name, header in asked.items():
                if request_headers.get(header) == "true":
                    response.headers[f"Access-Control-Allow-{name}"] = "true"
        return response
