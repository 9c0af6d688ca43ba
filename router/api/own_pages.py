"""Whether a request may come from a web page: only this server's own pages give orders.

The operator's browser sends requests for any page that is open in it. A ``POST`` like that of a form needs nobody's
leave, and pages of other ports of this machine count as the same site. If an attacker's DNS lets a name mean this
machine, the attacker's page even seems to be this server's (DNS rebinding). So ``Origin`` has to be this server's, as
the browser knows it, ``Sec-Fetch-Site`` must not contradict, and without a key the name has to be one that
nobody else can have.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

from router.http.senders.own_names import is_name_of_machine, is_own_name
from router.images.public_url import request_url
from shared.origins import NULL
from shared.settings import ServerOptions

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNASKED = ("none", "same-origin")
"""Values of ``Sec-Fetch-Site``: the user's own doing, and this origin's pages. Other sites and other ports differ."""


def is_foreign_page(request: Request, options: ServerOptions, has_key: bool) -> bool:
    """Whether the request comes from a page that is not certainly this server's.

    With ``has_key`` the request has a key of the server, which no page of others has.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site.lower() not in _UNASKED:
        return True
    origins = request.headers.getlist("origin")
    if not origins:
        return False
    if len(origins) > 1 or origins[0] == NULL:
        return True
    own = {_origin_of(request_url(request.scope, options)), _origin_of(options.public_url)}
    origin = _origin_of(origins[0])
    return origin is None or origin not in own or not (has_key or is_sure_name(request, options))


def is_sure_name(request: Request, options: ServerOptions) -> bool:
    """Whether no page of others can have the name by which the request came."""
    name = urlsplit(request_url(request.scope, options)).hostname or ""
    return is_own_name(name, options) or is_name_of_machine(name)


def _origin_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None if ``url`` has none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, _DEFAULT_PORTS[parts.scheme] if port is None else port
