"""The sockets between processes: where they are, how they are set up, and how asyncio reads them.

On one machine the endpoints are ``ipc://`` files in a run folder that only its owner can enter. Between machines they
are ``tcp://`` with CURVE, for which each side is given a key pair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zmq

RECONNECT_FIRST_MS = 20
RECONNECT_MAX_MS = 500
MAX_BLOB_BYTES = 1024**3
"""The largest file that may belong to a job."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of one server.

    ``jobs`` is bound by the router's ROUTER socket, ``router_bus`` by its SUB socket and ``supervisor_bus`` by the
    supervisor's; workers connect to all three, so that whoever restarts finds the others again by itself. ``control``
    is bound by the supervisor's PULL socket, for the router.
    """

    jobs: str
    router_bus: str
    supervisor_bus: str
    control: str

    @classmethod
    def in_folder(cls, run_folder: Path) -> Endpoints:
        """The ``ipc://`` endpoints within ``run_folder``.

        Raises:
            ValueError: the path is too long for a Unix socket.
        """
        names = [run_folder / name for name in ("jobs", "events", "supervisor", "control")]
        for name in names:
            if len(str(name)) > zmq.IPC_PATH_MAX_LEN:
                raise ValueError(f"{name} is too long for a socket's path: at most {zmq.IPC_PATH_MAX_LEN} bytes")
        return cls(*(f"ipc://{name}" for name in names))


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """A CURVE key pair of this side and, for a side that connects, the public key of the side that binds (Z85 text)."""

    public: bytes
    secret: bytes
    server: bytes | None = None

    @classmethod
    def generate(cls) -> CurveKeys:
        """A new key pair."""
        return cls(*zmq.curve_keypair())


def open_socket(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, curve: CurveKeys | None = None
) -> zmq.Socket[bytes]:
    """A socket that never drops for want of room, and never keeps its process from ending.

    High-water marks are off because PUB would drop silently at them; what is in flight is bounded by the jobs that
    the router admits.
    """
    sock = context.socket(kind)
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.SNDHWM, 0)
    sock.setsockopt(zmq.RCVHWM, 0)
    sock.setsockopt(zmq.MAXMSGSIZE, MAX_BLOB_BYTES)
    sock.setsockopt(zmq.RECONNECT_IVL, RECONNECT_FIRST_MS)
    sock.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
    if curve is not None:
        sock.curve_publickey, sock.curve_secretkey = curve.public, curve.secret
        if curve.server is None:
            sock.curve_server = True
        else:
            sock.curve_serverkey = curve.server
    return sock


class SocketReader:
    """Hands every message of a ZeroMQ socket to a callback on the running asyncio loop.

    libzmq signals edges on one file descriptor, for sending and receiving alike: after anything is sent on the same
    socket the owner calls :meth:`wake`, or a message that arrived meanwhile would lie there unseen.
    """

    MESSAGES_A_TURN = 256

    def __init__(self, sock: zmq.Socket[bytes], on_message: Callable[[list[bytes]], None]) -> None:
        self._sock = sock
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._descriptor: int = sock.FD
        self._loop.add_reader(self._descriptor, self._drain)
        self.wake()

    def wake(self) -> None:
        """Look for messages soon, whether or not the descriptor signals any."""
        self._loop.call_soon(self._drain)

    def close(self) -> None:
        """Stop reading. The socket stays open."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._descriptor)

    def _drain(self) -> None:
        for _ in range(self.MESSAGES_A_TURN):
            if self._closed or self._sock.closed:
                return
            try:
                frames = self._sock.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                self._on_message(frames)
            except Exception:
                self.wake()  # for those behind it
                raise
        self.wake()
