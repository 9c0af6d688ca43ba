"""The sockets between processes: their addresses and options, and reading them with asyncio.

On one machine the endpoints are ``ipc://`` files in a run folder that only its owner can enter. Between machines they
are ``tcp://`` with CURVE, and each side has a key pair.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zmq

_IPC = "ipc://"

log = logging.getLogger("nexa.wire")

MIN_RECONNECT_MS = 20
"""Wait before the first attempt to reconnect; it doubles with each attempt, up to ``MAX_RECONNECT_MS``."""
MAX_RECONNECT_MS = 500
MAX_BLOB_BYTES = 1024**3
"""The largest file that a job can have."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of one server.

    The router binds ``jobs`` (ROUTER) and ``router_bus`` (SUB), the supervisor binds ``supervisor_bus`` (SUB) and
    ``control`` (PULL). Workers connect to the first three and the router to ``control``, so connections recover when
    either side restarts.
    """

    jobs: str
    router_bus: str
    supervisor_bus: str
    control: str

    @classmethod
    def in_folder(cls, run_folder: Path) -> Endpoints:
        """The ``ipc://`` endpoints in ``run_folder``.

        Raises:
            ValueError: the path is too long for a Unix socket.
        """
        names = [run_folder / name for name in ("jobs", "events", "supervisor", "control")]
        for name in names:
            if len(str(name)) > zmq.IPC_PATH_MAX_LEN:
                raise ValueError(f"run folder: expected socket paths of up to {zmq.IPC_PATH_MAX_LEN} bytes, got {name}")
        return cls(*(f"{_IPC}{name}" for name in names))


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """This side's CURVE key pair; a connecting side also has the public key of the binding side. All are Z85 text."""

    public: bytes
    secret: bytes
    server: bytes | None = None

    @classmethod
    def generate(cls) -> CurveKeys:
        """Make a new key pair."""
        return cls(*zmq.curve_keypair())


def open_socket(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, curve: CurveKeys | None = None
) -> zmq.Socket[bytes]:
    """Open a socket that never drops messages for lack of space and never delays the exit of its process.

    High-water marks are off, because PUB silently drops messages beyond them. The router limits what is in flight by
    limiting the jobs that it dispatches.
    """
    sock = context.socket(kind)
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.SNDHWM, 0)
    sock.setsockopt(zmq.RCVHWM, 0)
    sock.setsockopt(zmq.MAXMSGSIZE, MAX_BLOB_BYTES)
    sock.setsockopt(zmq.RECONNECT_IVL, MIN_RECONNECT_MS)
    sock.setsockopt(zmq.RECONNECT_IVL_MAX, MAX_RECONNECT_MS)
    if curve is not None:
        sock.curve_publickey, sock.curve_secretkey = curve.public, curve.secret
        if curve.server is None:
            sock.curve_server = True
        else:
            sock.curve_serverkey = curve.server
    return sock


class Binding:
    """A socket bound to ``endpoint``, which can be bound again when the endpoint's file is lost."""

    def __init__(self, sock: zmq.Socket[bytes], endpoint: str) -> None:
        self._sock = sock
        self.endpoint = endpoint
        self._path = endpoint.removeprefix(_IPC) if endpoint.startswith(_IPC) else None
        self._failed = False
        sock.bind(endpoint)

    def renew(self) -> bool:
        """Bind again if the file is gone and its folder exists; returns whether that was so.

        Connections live on without the file, but need the former listener, which stays open until the socket is closed.
        The owner must wake its :class:`SocketReader` afterwards. If it fails, the log says so once.
        """
        if self._path is None or os.path.lexists(self._path) or not os.path.isdir(os.path.dirname(self._path)):
            return False
        try:
            self._sock.bind(self.endpoint)
        except zmq.ZMQError as error:
            if not self._failed:
                log.error("socket lost, not bound again", extra={"endpoint": self.endpoint, "reason": str(error)})
            self._failed = True
            return False
        self._failed = False
        return True


class SocketReader:
    """Passes every message of a ZeroMQ socket to a callback on the running asyncio loop.

    The socket's file descriptor is edge-triggered for both directions, so a send can consume the edge of a message that
    arrived. The owner must call :meth:`wake` after each send on the same socket. ``behind`` is set while more has
    arrived than one turn reads.
    """

    MAX_MESSAGES_PER_TURN = 256
    """Messages read before other tasks of the loop get their turn."""

    def __init__(self, sock: zmq.Socket[bytes], on_message: Callable[[list[bytes]], None]) -> None:
        self._sock = sock
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._woken = False
        self.behind = False
        self._descriptor: int = sock.FD
        self._loop.add_reader(self._descriptor, self._drain)
        self.wake()

    def wake(self) -> None:
        """Schedule a read, whether or not the descriptor is ready."""
        if not self._woken:  # one serves all: it has yet to come
            self._woken = True
            self._loop.call_soon(self._drain_woken)

    def close(self) -> None:
        """Stop reading. The socket stays open."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._descriptor)

    def _drain_woken(self) -> None:
        self._woken = False
        self._drain()

    def _drain(self) -> None:
        for _ in range(self.MAX_MESSAGES_PER_TURN):
            if self._closed or self._sock.closed:
                return
            try:
                frames = self._sock.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                self.behind = False
                return
            try:
                self._on_message(frames)
            except Exception:
                self.wake()  # for the messages behind this one
                raise
        self.behind = True
        self.wake()
