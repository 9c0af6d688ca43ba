"""Refuses forms that web pages of other sites send: unlike JSON, browsers send them without asking first."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.origins import NULL, is_allowed
from shared.settings import ServerOptions


def refuse_cross_site(request: Request, options: ServerOptions) -> None:
    """Refuse a form from a page whose origin is not allowed.

    Browsers leave out ``Sec-Fetch-Site`` where they do not trust the connection; there ``Origin`` tells.

    Raises:
        ApiError: 403.
    """
    origin = request.headers.get("origin", "")
    if is_allowed(origin, options.cors_origins):
        return
    site = request.headers.get("sec-fetch-site", "").lower()
    if site == "cross-site":
        raise ApiError(
            403, "Sec-Fetch-Site: expected a form from this site, got cross-site; --cors-origin allows other sites"
        )
    if origin and not site and not _is_own(origin, request, options):
        allowed = "--public-url names this one, --cors-origin allows others"
        raise ApiError(403, f"Origin: expected a form from this site, got {shown(origin)}; {allowed}")


def _is_own(origin: str, request: Request, options: ServerOptions) -> bool:
    own = {request.headers.get("host", "").lower(), urlsplit(options.public_url).netloc.lower()}
    return origin != NULL and urlsplit(origin).netloc.lower() in own - {""}
