"""Which names a certificate may hold."""

from __future__ import annotations

import re

from router.cli.machine.addresses import is_ip_address

_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?", re.ASCII | re.IGNORECASE)
"""An authority for a name without letters, such as ``..``, could sign any."""


def may_be_certified(name: str) -> bool:
    """Whether ``name`` is an address, or a name that a machine can have."""
    return is_ip_address(name) or _DNS_NAME.fullmatch(name) is not None
