"""The supervisor's sockets: heartbeats, orders and the router's signs of life in, the roster out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import zmq

from shared.logs.output import dropped_lines
from shared.wire.codec import Decoder, WireError, encode
from shared.wire.messages import HEARTBEAT_TOPIC, HEARTBEATS, ROSTER_TOPIC, Heartbeat
from shared.wire.supervision import CONTROL_MESSAGES, ControlMessage, DeviceBudget, Roster, WorkerStatus
from shared.wire.transport import Binding, Endpoints, SocketReader, open_socket

log = logging.getLogger("nexa.supervisor")

M = TypeVar("M")


class SupervisorBus:
    """Passes heartbeats and the router's messages to callbacks on the running asyncio loop; publishes rosters."""

    def __init__(
        self,
        endpoints: Endpoints,
        on_heartbeat: Callable[[Heartbeat], None],
        on_control: Callable[[ControlMessage], None],
    ) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._heartbeats = open_socket(self._context, zmq.SUB)
        self._heartbeats.subscribe(HEARTBEAT_TOPIC)
        self._control = open_socket(self._context, zmq.PULL)
        self._rosters = open_socket(self._context, zmq.PUB)
        self._rosters.connect(endpoints.router_bus)
        self._bindings = [
            Binding(self._heartbeats, endpoints.supervisor_bus),
            Binding(self._control, endpoints.control),
        ]
        self._readers = [
            _reader(self._heartbeats, HEARTBEATS, on_heartbeat),
            _reader(self._control, CONTROL_MESSAGES, on_control),
        ]

    def publish(self, workers: Sequence[WorkerStatus], budgets: Sequence[DeviceBudget] = ()) -> None:
        """Publish the roster of ``workers``, and the budgets of memory."""
        self._rosters.send_multipart([ROSTER_TOPIC, encode(Roster(list(workers), dropped_lines(), list(budgets)))])

    def keep_bound(self) -> None:
        """Bind again what has lost its file."""
        for binding, reader in zip(self._bindings, self._readers, strict=True):
            if binding.renew():
                reader.wake()

    def close(self) -> None:
        """Close all sockets."""
        for reader in self._readers:
            reader.close()
        for sock in (self._heartbeats, self._control, self._rosters):
            sock.close()
        self._context.term()


def _reader(sock: zmq.Socket[bytes], decoder: Decoder[M], on_message: Callable[[M], None]) -> SocketReader:
    """Pass the messages of a socket to ``on_message``. A message is the last frame."""

    def take(frames: list[bytes]) -> None:
        try:
            message = decoder.decode(frames[-1])
        except WireError as error:
            log.warning("message ignored", extra={"reason": str(error)})
            return
        on_message(message)

    return SocketReader(sock, take)
