"""The page at ``/`` and its files. They hold no secrets, so they need no key: what the page asks for does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from router.api.dependencies import BrokerDep
from router.api.endpoint_family import EndpointFamily
from router.api.ollama.front import RUNNING, is_on_ollama_port
from router.schemas.errors import ApiError, error_responses
from router.web.built import INDEX, BuiltFile, built_files

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""What the page may load: nothing of another host, no script or style that stands in it, no HTML made of strings."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
YEAR_S = 31_536_000

router = APIRouter(tags=["page"])


@router.get(
    "/",
    response_class=Response,
    responses={200: {"content": {"text/html": {}, "text/plain": {}}}, **error_responses(404, 503)},
)
async def page(request: Request, broker: BrokerDep) -> Response:
    """The page. On Ollama's port (`--ollama-port`) Ollama's own words, which some clients look for."""
    if is_on_ollama_port(request, broker.settings.ollama_port):
        return PlainTextResponse(RUNNING)
    if broker.settings.no_page:
        raise HTTPException(404)
    built = _FILES.get(INDEX)
    if built is None:
        raise ApiError(503, "the page is not built: cd router/web && npm ci && npm run build, then restart the server")
    return _answer(request, built)


def _answer(request: Request, built: BuiltFile) -> Response:
    cache = f"public, max-age={YEAR_S}, immutable" if built.is_hashed else "no-cache"
    headers = {**HEADERS, "Cache-Control": cache, "ETag": built.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == built.etag:
        return Response(status_code=304, headers=headers)
    content = built.content
    if built.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content = built.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=built.media_type)


def _endpoint(built: BuiltFile) -> Callable[[Request, BrokerDep], Awaitable[Response]]:
    async def page_file(request: Request, broker: BrokerDep) -> Response:
        """A file of the page."""
        if broker.settings.no_page:
            raise HTTPException(404)
        return _answer(request, built)

    return page_file


_FILES = built_files()
for _built in _FILES.values():
    if _built.path != INDEX:
        router.get(f"/{_built.path}", include_in_schema=False)(_endpoint(_built))

PAGE = EndpointFamily(open_routers=(router,), quiet_paths=frozenset(f"/{path}" for path in _FILES if path != INDEX))
