"""The names by which clients may reach this server, which no web page of others can have."""

from __future__ import annotations

import ipaddress
import socket
from functools import cache
from urllib.parse import urlsplit

from shared.settings import ServerOptions


def is_own_name(name: str, options: ServerOptions) -> bool:
    """Whether ``name``, without a port, is one that the options give, ``localhost``, or an address."""
    name = name.lower().removesuffix(".")
    return name in _given(options) or name == "localhost" or name.endswith(".localhost") or _is_address(name)


def is_name_of_machine(name: str) -> bool:
    """Whether ``name`` is the machine's own, or the one that it has in the local network (``.local``)."""
    machine = _machine()
    return bool(machine) and name.lower().removesuffix(".") in (machine, f"{machine}.local")


def _given(options: ServerOptions) -> set[str]:
    public = urlsplit(options.public_url).hostname or ""
    return {name.lower() for name in (*options.allowed_hosts, options.host, public) if name}


@cache
def _machine() -> str:
    return socket.gethostname().partition(".")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
