"""The URL of this server as its clients know it, for the URLs of pictures."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from router.http.request_record import peer_of
from shared.addresses import in_url, is_within
from shared.settings import ServerOptions

MAX_HOST_CHARS = 255
MAX_PREFIX_CHARS = 1000
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?|\[(?P<ipv6>[0-9a-f:.]+)\])(?::(?P<port>\d{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")
# RFC 7239: elements with commas between them, pairs with semicolons, values in quotes or not.
_FORWARDED_ELEMENT = re.compile(r'(?:"[^"]*"|[^,"])+')
_FORWARDED_PAIR = re.compile(r'(?:^|;)\s*(proto|host)=(?:"([^"]*)"|([^;"\s]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a proxy says of the request that it received; empty where it says nothing."""

    proto: str = ""
    host: str = ""
    port: str = ""
    prefix: str = ""


def public_url(scope: Scope, options: ServerOptions) -> str:
    """The server's URL without a slash at its end: the option, or what a trusted proxy says, or the request's ``Host``.

    A header that is malformed counts as absent. Without a ``Host`` it is the address that the client connected to.
    """
    return options.public_url or request_url(scope, options)


def request_url(scope: Scope, options: ServerOptions) -> str:
    """As :func:`public_url`, but always the URL that this request came by."""
    headers = Headers(scope=scope)
    told = _told_by_proxy(headers) if is_within(peer_of(scope), options.trusted_proxies) else _Told()
    own_scheme = "https" if options.ssl_certfile else "http"
    scheme = told.proto if told.proto in _DEFAULT_PORTS else own_scheme
    host = _checked_host(told.host) or _checked_host(headers.get("host", "")) or _address(scope)
    if _is_port(told.port) and told.port != _DEFAULT_PORTS[scheme] and not _has_port(host):
        host = f"{host}:{told.port}"
    return f"{scheme}://{host}{_checked_prefix(told.prefix)}"


def _told_by_proxy(headers: Headers) -> _Told:
    """The last value of each ``X-Forwarded-…``, which the nearest proxy has set, or else those of ``Forwarded``."""
    values = {name: _last(headers, f"x-forwarded-{name}") for name in ("proto", "host", "port", "prefix")}
    if any(values.values()):
        return _Told(values["proto"].lower(), values["host"], values["port"], values["prefix"])
    elements = _FORWARDED_ELEMENT.findall(",".join(headers.getlist("forwarded")))
    pairs = _FORWARDED_PAIR.findall(elements[-1].strip()) if elements else []
    told = {name.lower(): quoted or plain for name, quoted, plain in pairs}
    return _Told(told.get("proto", "").lower(), told.get("host", ""))


def _last(headers: Headers, name: str) -> str:
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()


def _checked_host(host: str) -> str:
    """``host``, a name or an address with or without a port; empty if it is malformed."""
    match = _HOST.fullmatch(host) if len(host) <= MAX_HOST_CHARS else None
    if match is None or (match["port"] is not None and not _is_port(match["port"])):
        return ""
    if match["ipv6"] is not None:
        try:
            ipaddress.IPv6Address(match["ipv6"])
        except ValueError:
            return ""
    return host


def _checked_prefix(prefix: str) -> str:
    """The path under which a proxy serves this server, without a slash at its end; empty if it is malformed."""
    well_formed = len(prefix) <= MAX_PREFIX_CHARS and _PREFIX.fullmatch(prefix) is not None
    return prefix.rstrip("/") if well_formed else ""


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and 0 < int(text) < 65536


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def _address(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    return in_url(host) if port is None else f"{in_url(host)}:{port}"
