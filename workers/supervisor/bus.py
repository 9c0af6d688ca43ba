"""The supervisor's side of the wire: heartbeats in, the roster out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import zmq

from shared.messages import CODEC, HEARTBEAT_TOPIC, ROSTER_TOPIC, Heartbeat, Roster, WorkerStatus
from shared.transport import Endpoints, SocketReader, open_socket
from shared.wire import WireError

log = logging.getLogger("nexa.supervisor")


class SupervisorBus:
    """Hands heartbeats to ``on_heartbeat`` on the running asyncio loop, and publishes rosters to the router."""

    def __init__(self, endpoints: Endpoints, on_heartbeat: Callable[[Heartbeat], None]) -> None:
        self._on_heartbeat = on_heartbeat
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._heartbeats = open_socket(self._context, zmq.SUB)
        self._heartbeats.subscribe(HEARTBEAT_TOPIC)
        self._heartbeats.bind(endpoints.supervisor_bus)
        self._rosters = open_socket(self._context, zmq.PUB)
        self._rosters.connect(endpoints.router_bus)
        self._reader = SocketReader(self._heartbeats, self._take)

    def publish(self, workers: Sequence[WorkerStatus]) -> None:
        """Tell the router which workers there are."""
        self._rosters.send_multipart([ROSTER_TOPIC, CODEC.encode(Roster(list(workers)))])

    def close(self) -> None:
        """Close both sockets."""
        self._reader.close()
        self._heartbeats.close()
        self._rosters.close()
        self._context.term()

    def _take(self, frames: list[bytes]) -> None:
        try:
            message = CODEC.decode(frames[-1])
        except WireError as error:
            log.warning("heartbeat ignored", extra={"reason": str(error)})
            return
        if isinstance(message, Heartbeat):
            self._on_heartbeat(message)
