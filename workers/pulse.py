"""A worker's heartbeats, in a thread and on sockets of their own: neither jobs nor events hold them up."""

from __future__ import annotations

import threading
from collections.abc import Callable

import zmq

from shared.wire.codec import encode
from shared.wire.messages import HEARTBEAT_INTERVAL_S, HEARTBEAT_TOPIC, Heartbeat
from shared.wire.transport import Endpoints, open_socket

MAX_WAITING_HEARTBEATS = 16
"""Heartbeats kept for a router or supervisor that does not read; further ones are dropped."""


class Pulse:
    """Sends a heartbeat to router and supervisor every ``HEARTBEAT_INTERVAL_S`` and at each change of state.

    ``heartbeat`` builds the current one. It is called in this thread.
    """

    def __init__(self, endpoints: Endpoints, heartbeat: Callable[[], Heartbeat]) -> None:
        self._endpoints = endpoints
        self._heartbeat = heartbeat
        self._due = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Connect and start sending."""
        self._thread.start()

    def beat(self) -> None:
        """Send a heartbeat now. Thread-safe."""
        self._due.set()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Send a last heartbeat and close the socket."""
        self._stopping = True
        self._due.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        bus = open_socket(context, zmq.PUB)
        bus.setsockopt(zmq.LINGER, 500)
        bus.setsockopt(zmq.SNDHWM, MAX_WAITING_HEARTBEATS)
        bus.connect(self._endpoints.router_bus)
        bus.connect(self._endpoints.supervisor_bus)
        try:
            while True:
                self._due.clear()
                stopping = self._stopping
                bus.send_multipart([HEARTBEAT_TOPIC, encode(self._heartbeat())])
                if stopping:
                    return
                self._due.wait(HEARTBEAT_INTERVAL_S)
        finally:
            bus.close()
            context.term()
