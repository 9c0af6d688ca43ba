"""Whose address a request comes from: its connection's other end, or what a trusted proxy says."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

from router.http.request_record import PEER
from shared.addresses import is_within, plain_address

MAX_HOPS = 32
_FORWARDED_FOR = "x-forwarded-for"
_FORWARDED = "forwarded"
# RFC 7239: elements with commas between them, pairs with semicolons, values in quotes or not.
_ELEMENT = re.compile(r'(?:"[^"]*"|[^,"])+')
_FOR = re.compile(r'(?:^|;)\s*for=(?:"([^"]*)"|([^;"\s]+))', re.IGNORECASE)
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")

log = logging.getLogger("nexa.connection")


class ClientAddress:
    """Finds the address of each request's client. Nobody but the ``trusted`` proxies can say another one."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = trusted
        self._has_warned = False

    def settle(self, scope: Scope) -> bool:
        """Set the request's ``client``, and its peer; returns whether a proxy that is not trusted has passed it on."""
        client = scope.get("client")
        scope["state"][PEER] = client
        if client is None:
            return False
        address, port = plain_address(client[0]), client[1]
        scope["client"] = (address, port)
        headers = Headers(scope=scope)
        if _FORWARDED_FOR not in headers and _FORWARDED not in headers:
            return False
        if not is_within(address, self._trusted):
            self._warn(address)
            return True
        scope["client"] = (self._nearest_untrusted(address, hops_of(headers)), port)
        return False

    def _nearest_untrusted(self, address: str, hops: Sequence[str]) -> str:
        """The last hop that no trusted proxy is; what stands before it is only its own word."""
        for hop in reversed(hops[-MAX_HOPS:]):
            found = plain_address(hop)
            if not found:
                break
            address = found
            if not is_within(address, self._trusted):
                break
        return address

    def _warn(self, address: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning("forwarding headers ignored; --trusted-proxy names a proxy to believe", extra={"peer": address})


def hops_of(headers: Headers) -> list[str]:
    """What ``X-Forwarded-For``, or else ``Forwarded``, says of the way of a request, without ports."""
    given = headers.getlist(_FORWARDED_FOR)
    if given:
        return [_without_port(hop.strip()) for hop in ",".join(given).split(",")]
    elements = _ELEMENT.findall(",".join(headers.getlist(_FORWARDED)))
    found = [_FOR.search(element.strip()) for element in elements]
    return [_without_port(match[1] or match[2]) if match else "" for match in found]


def _without_port(hop: str) -> str:
    match = _WITH_PORT.fullmatch(hop)
    return hop if match is None else match[1] or match[2] or ""
