"""The limit of open files (``ulimit -n``): raised where that is possible, else the server makes do with fewer."""

from __future__ import annotations

import logging
import resource
from dataclasses import replace

from router.http.connections.connection_limits import ConnectionLimits

SPARE_FILES = 128
"""File descriptors kept free for everything but client connections: worker sockets, uploads, pictures."""

MIN_FILES = 256
"""The fewest with which every process of a server works."""

log = logging.getLogger("nexa.connection")


class TooFewFiles(Exception):
    """No server can run with this limit; the message is one line."""


def within_file_limit(limits: ConnectionLimits) -> ConnectionLimits:
    """``limits`` with ``max_connections`` lowered, if need be, to the files this process may open less ``SPARE_FILES``.

    Before that, raises the process's soft limit towards the hard one: the usual 1024 is meant for programs that use
    ``select``. What is lowered is logged.
    """
    wanted = limits.max_connections + SPARE_FILES
    allowed = _raise_to(wanted)
    if allowed >= wanted:
        return limits
    connections = max(1, allowed - SPARE_FILES)
    facts = {"expected": f"at least {wanted}", "got": allowed, "max_connections": connections, "remedy": "ulimit -n"}
    log.warning("limit of open files too low", extra=facts)
    return replace(limits, max_connections=connections)


def require_files() -> None:
    """Raise the soft limit to what every process needs.

    Raises:
        TooFewFiles: the hard limit is lower.
    """
    allowed = _raise_to(MIN_FILES)
    if allowed < MIN_FILES:
        raise TooFewFiles(f"open files: expected a limit (ulimit -n) of at least {MIN_FILES}, got {allowed}")


def _raise_to(wanted: int) -> int:
    """Raise the soft limit to ``wanted``, at most to the hard one; returns what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if raised > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return raised
