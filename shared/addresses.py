"""Addresses of hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

HOST_BITS = 64
"""The end of an IPv6 address that its host chooses itself, and may change at will."""


def plain_address(host: str) -> str:
    """The IP address ``host`` in its usual form, an IPv4 address within IPv6 as IPv4; empty if it is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def is_loopback(host: str) -> bool:
    """Whether ``host``, an IP address or a name, is reached from this machine only. Of names only ``localhost`` is."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def network_of(host: str) -> str:
    """What addresses of one host have in common: an IPv4 address, or the first half of an IPv6 one; else ``host``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> HOST_BITS << HOST_BITS, 128 - HOST_BITS)))


def is_within(host: str, networks: Iterable[str]) -> bool:
    """Whether ``host`` is an IP address in one of ``networks``, which are addresses or networks such as 10.0.0.0/8."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in ipaddress.ip_network(network, strict=False) for network in networks)
