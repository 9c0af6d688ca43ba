"""``python -m router``: the HTTP process, started by the supervisor."""

from __future__ import annotations

import argparse
import logging
import math
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn

from router.api.families import OPERATIONS, QUIET_PATHS
from router.app import create_app
from router.http.connections.accepting import with_many_accepts
from router.http.connections.connection import guarded_protocol
from router.http.connections.connection_limits import ConnectionLimits, notice_vanished_clients
from router.http.connections.file_limit import within_file_limit
from router.http.connections.tls_door import tls_door
from router.http.senders.admin_socket import AdminSocket, listen_for_admin
from router.http.senders.host_check import HostCheck
from router.http.tls import tls_context
from router.jobs.broker import Broker
from router.storage.database import StorageError
from router.telemetry.setup import open_tracing
from shared.listening import BACKLOG
from shared.logs.setup import open_log
from shared.parent import die_with_parent, started_by_supervisor
from shared.settings import ServerSettings
from shared.wire.run_folder import admin_socket_in

log = logging.getLogger("nexa.router")

# Longer than clients keep idle connections: if the server closed first, their next request would fail with a reset.
KEEP_ALIVE_TIMEOUT_S = 75
MIN_KEY_CHARS = 16
"""A shorter key for all users is warned about."""


class StoppingServer(uvicorn.Server):
    """Calls ``stop`` as soon as it is to stop: what may end then need not hold it up until the drain timeout."""

    def __init__(self, stop: Callable[[], None], config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stop = stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._stop()
        await super().shutdown(sockets)


def main(arguments: list[str] | None = None) -> int:
    """Serve HTTP until a signal arrives, and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.fd is not None:
        die_with_parent()
    settings = ServerSettings.load(options.settings)
    open_log(settings.log_format, process="router", own_pipe=started_by_supervisor())
    limits = within_file_limit(_limits(settings))
    try:
        app = create_app(Broker(settings), open_tracing(settings.otlp_endpoint, OPERATIONS, QUIET_PATHS))
    except (StorageError, sqlite3.Error) as error:
        log.error("%s", error)
        return 1
    if 0 < len(settings.api_key) < MIN_KEY_CHARS:
        expected = {"expected": f"at least {MIN_KEY_CHARS} characters", "got": len(settings.api_key)}
        log.warning("API key is short and could be guessed", extra={**expected, "remedy": "openssl rand -hex 16"})
    tls = tls_context(settings.ssl_certfile, settings.ssl_keyfile)
    checked = HostCheck(app, settings, lambda: app.state.access.needs_key)
    server = StoppingServer(
        app.state.models.close,
        uvicorn.Config(
            AdminSocket(app, checked, admin_socket_in(Path(settings.run_folder))),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=guarded_protocol(limits) if tls is None else tls_door(limits, tls),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # client_address reads them
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_TIMEOUT_S,
            timeout_graceful_shutdown=math.ceil(settings.drain_timeout_s),
        ),
    )
    # Passed as sockets: given only a number, uvicorn would take it for a Unix socket.
    inherited = [socket.socket(fileno=descriptor) for descriptor in options.fd or ()]
    listeners = []
    for listener in inherited:
        notice_vanished_clients(listener, limits.read_timeout_s)
        listeners += with_many_accepts(listener)
    if settings.admin_socket and inherited:
        listeners.append(listen_for_admin(Path(settings.run_folder)))
    server.run(sockets=listeners or None)
    return 0 if server.started else 1


def _limits(settings: ServerSettings) -> ConnectionLimits:
    return ConnectionLimits(
        max_connections=settings.max_connections,
        max_per_address=settings.max_connections_per_address,
        proxies=settings.trusted_proxies,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m router", description="The HTTP process of nexa server.")
    parser.add_argument("--settings", type=Path, required=True, help="settings file written by the supervisor")
    parser.add_argument(
        "--fd",
        type=int,
        action="append",
        help="inherited listening socket, may be given again; otherwise host and port are bound",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
