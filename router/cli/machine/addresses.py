"""The names and addresses under which other devices may reach this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import psutil

PRIVATE_NETWORKS = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",  # of providers, and of VPNs such as Tailscale
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
)
"""Networks whose addresses are nobody's on the internet (RFC 1918, 3927, 4193, 6598)."""

_VIRTUAL = ("lo", "docker", "br-", "veth", "virbr", "cni", "podman", "lxc", "vmnet", "vboxnet")
"""Beginnings of the names of interfaces that lead to this machine's own guests."""


class InterfaceAddress(Protocol):
    """An address of an interface, as psutil reports it."""

    @property
    def family(self) -> int:
        """The kind of address, of :mod:`socket`."""

    @property
    def address(self) -> str:
        """The address, for IPv6 with the interface behind ``%``."""


def private_addresses(interfaces: Mapping[str, Sequence[InterfaceAddress]] | None = None) -> list[str]:
    """The private addresses of this machine, IPv4 first, without those of loopback, of its guests and of links."""
    found = psutil.net_if_addrs() if interfaces is None else interfaces
    addresses = {
        _parsed(address.address)
        for name, listed in found.items()
        if not name.startswith(_VIRTUAL)
        for address in listed
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }
    usable = [address for address in addresses if address is not None and is_private(str(address))]
    shown = [address for address in usable if not (address.is_loopback or address.is_link_local)]
    return [str(address) for address in sorted(shown, key=lambda address: (address.version, int(address)))]


def host_name() -> str:
    """The machine's name in lower case; empty if it is none that a certificate or a URL may hold."""
    name = socket.gethostname().lower().rstrip(".")
    labels = name.split(".")
    fits = all(label.replace("-", "").isalnum() and label.isascii() and len(label) <= 63 for label in labels)
    return name if fits and name != "localhost" else ""


def names_of_machine() -> list[str]:
    """The machine's name, and that under which mDNS announces it, where the network has that."""
    name = host_name()
    if not name:
        return []
    return [name] if name.endswith(".local") else [name, f"{name.partition('.')[0]}.local"]


def is_private(address: str) -> bool:
    """Whether an IP address belongs to one of ``PRIVATE_NETWORKS``."""
    return within(address, PRIVATE_NETWORKS)


def within(address: str, networks: Iterable[str]) -> bool:
    """Whether an IP address belongs to one of ``networks``."""
    parsed = ipaddress.ip_address(address)
    return any(parsed in ipaddress.ip_network(network) for network in networks)


def is_ip_address(text: str) -> bool:
    """Whether ``text`` is an IP address rather than a name."""
    return _parsed(text) is not None


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
