"""Origins of web pages, as browsers send them in ``Origin``, and patterns of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

ANY = "*"
NULL = "null"
"""What browsers send for local files, and for pages in a sandbox."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>\*|(\*\.)?[a-z0-9._~-]+|\[[0-9a-f:.]+\]|(?<=file://))"
    r"(:(?P<port>\*|[0-9]{1,5}))?",
    re.IGNORECASE,
)
_NAMES = "[a-z0-9._~-]+"
_ANY_HOST = rf"({_NAMES}|\[[0-9a-f:.]+\])"
_ANY_PORT = "(:[0-9]+)?"


def check_origin(pattern: str) -> None:
    """Raise ``ValueError`` unless ``pattern`` is ``*``, ``null``, or a scheme and a host without a path.

    The scheme may be any. The host may be ``*`` or begin with ``*.``, for all names below a domain; the port may be
    ``*``, for any or none.
    """
    if pattern in (ANY, NULL):
        return
    found = _ORIGIN.fullmatch(pattern)
    port = found["port"] if found else None
    if found is None or (port and port != ANY and not 0 < int(port) < 65536):
        raise ValueError(pattern)


def is_allowed(origin: str, patterns: Sequence[str]) -> bool:
    """Whether ``origin`` is one of the origins that ``patterns`` stand for."""
    return ANY in patterns or _joined(tuple(patterns)).fullmatch(origin) is not None


@functools.cache
def _joined(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_expression, patterns)) or r"(?!)", re.IGNORECASE)


def _expression(pattern: str) -> str:
    found = _ORIGIN.fullmatch(pattern)
    if found is None:
        return re.escape(pattern)
    scheme, host, port = found["scheme"], found["host"], found["port"]
    if host == ANY:
        host = _ANY_HOST
    elif host.startswith("*."):
        host = _NAMES + re.escape(host[1:])
    else:
        host = re.escape(host)
    if port == ANY:
        port = _ANY_PORT
    elif port and port != _DEFAULT_PORTS.get(scheme.lower()):  # which browsers leave out
        port = f":{port}"
    else:
        port = ""
    return f"{re.escape(scheme)}://{host}{port}"
