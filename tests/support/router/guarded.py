"""A server with the guarded protocol in a thread, and raw connections to it."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import uvicorn

from router.http.connections.connection import guarded_protocol
from router.http.connections.connection_limits import ConnectionLimits, notice_vanished_clients
from router.http.connections.tls_door import tls_door
from tests.support.router.client import app_of, wait_until
from tests.support.router.fake_broker import FakeBroker

USUAL = ConnectionLimits()
QUICK = ConnectionLimits(head_timeout_s=0.2, body_timeout_s=0.2, read_timeout_s=0.2)
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: nexa\r\nContent-Type: application/json\r\n"


class GuardedServer:
    """A server with the guarded protocol, and raw connections to it."""

    def __init__(self, broker: FakeBroker, port: int, server: uvicorn.Server) -> None:
        self.broker = broker
        self.port = port
        self.server = server

    @contextlib.contextmanager
    def connect(self, *chunks: bytes, receive_buffer: int = 0) -> Iterator[socket.socket]:
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(20)
        with connection:
            connection.connect(("127.0.0.1", self.port))
            for piece in chunks:
                connection.sendall(piece)
            yield connection

    def answers(self) -> int:
        return httpx.get(f"http://127.0.0.1:{self.port}/health").status_code


@contextlib.contextmanager
def serving_with(
    limits: ConnectionLimits = USUAL,
    broker: FakeBroker | None = None,
    loop: Any = "uvloop",
    tls: ssl.SSLContext | None = None,
    dual_stack: bool = False,
    **options: Any,
) -> Iterator[GuardedServer]:
    broker = broker or FakeBroker()
    if dual_stack:
        listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        listener = socket.create_server(("127.0.0.1", 0))
    notice_vanished_clients(listener, limits.read_timeout_s)
    config = uvicorn.Config(
        app_of(broker),
        http=guarded_protocol(limits) if tls is None else tls_door(limits, tls),
        loop=loop,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        **options,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield GuardedServer(broker, listener.getsockname()[1], server)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def rest(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def error_of(answer: bytes) -> tuple[int, str]:
    """Status and message of an answer that is an error object and closes the connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)["error"]["message"]
