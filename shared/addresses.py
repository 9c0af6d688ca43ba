"""Addresses of hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

HOST_BITS = 64
"""The end of an IPv6 address that its host chooses itself, and may change at will."""


def plain_address(host: str) -> str:
    """The IP address ``host`` in its usual form, an IPv4 address within IPv6 as IPv4; empty if it is none."""
    address = _parsed(host)
    return "" if address is None else str(address)


def is_loopback(host: str) -> bool:
    """Whether ``host``, an IP address or a name, is reached from this machine only. Of names only ``localhost`` is."""
    address = _parsed(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def network_of(host: str) -> str:
    """What addresses of one host have in common: an IPv4 address, or the first half of an IPv6 one; else ``host``."""
    address = _parsed(host)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address) >> HOST_BITS << HOST_BITS, 128 - HOST_BITS)))
    return host if address is None else str(address)


def in_url(host: str) -> str:
    """A name or an address as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_within(host: str, networks: Iterable[str]) -> bool:
    """Whether ``host`` is an IP address in one of ``networks``, which are addresses or networks such as 10.0.0.0/8."""
    address = _parsed(host)
    return address is not None and any(address in _network(network) for network in networks)


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IPv4 address within IPv6 as IPv4; None if ``host`` is no address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A network of the options, which are few."""
    return ipaddress.ip_network(text, strict=False)
