"""The router's end of the wire: the jobs socket that workers connect to, and the bus that they publish on."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial

import zmq

from router.jobs.job import Blob
from shared.wire.codec import Decoder, WireError, encode
from shared.wire.messages import (
    BUS_MESSAGES,
    HEARTBEAT_TOPIC,
    REPLAYS,
    ROSTER_TOPIC,
    BusMessage,
    Replayed,
    RouterMessage,
    router_topic,
)
from shared.wire.supervision import Order, RouterAlive
from shared.wire.transport import Binding, Endpoints, SocketReader, open_socket

log = logging.getLogger("nexa.router.link")


class RouterLink:
    """The router's sockets: receives from workers and the supervisor, and sends to them."""

    def __init__(self, router_id: str, endpoints: Endpoints) -> None:
        self._router_id = router_id
        self._endpoints = endpoints

    def open(self, on_message: Callable[[BusMessage | Replayed], None]) -> None:
        """Bind, and pass every message that arrives to ``on_message``. Needs a running event loop."""
        self._on_message = on_message
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._jobs = open_socket(self._context, zmq.ROUTER)
        self._jobs.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._jobs.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._bus = open_socket(self._context, zmq.SUB)
        for topic in (HEARTBEAT_TOPIC, ROSTER_TOPIC, router_topic(self._router_id)):
            self._bus.setsockopt(zmq.SUBSCRIBE, topic)
        self._bindings = [Binding(self._jobs, self._endpoints.jobs), Binding(self._bus, self._endpoints.router_bus)]
        self._control = open_socket(self._context, zmq.PUSH)
        self._control.connect(self._endpoints.control)
        self._readers = [
            SocketReader(self._jobs, partial(self._receive, REPLAYS)),
            SocketReader(self._bus, partial(self._receive, BUS_MESSAGES)),
        ]

    def send(self, worker_id: str, message: RouterMessage, more: Sequence[Blob] = ()) -> bool:
        """Send to one worker, with ``more`` as raw frames; False if it is not connected."""
        frames = [worker_id.encode(), encode(message), *more]
        try:
            self._jobs.send_multipart(frames, zmq.NOBLOCK, copy=not more)
        except zmq.ZMQError as error:
            log.debug("message not sent", extra={"worker": worker_id, "reason": str(error)})
            return False
        finally:
            self._readers[0].wake()
        return True

    @property
    def behind(self) -> bool:
        """Whether messages have arrived that are not read yet, more than fit into one turn of the event loop."""
        return any(reader.behind for reader in self._readers)

    def send_order(self, order: Order) -> None:
        """Send an operator's order; it is queued until the supervisor is connected."""
        self._control.send(encode(order), zmq.NOBLOCK)

    def send_alive(self, ready: bool) -> None:
        """Tell the supervisor that the event loop runs, and whether every model has a ready worker."""
        self._control.send(encode(RouterAlive(os.getpid(), ready)), zmq.NOBLOCK)

    def keep_bound(self) -> None:
        """Bind again what has lost its file: workers that start, or come back, could not connect."""
        for binding, reader in zip(self._bindings, self._readers, strict=True):
            if binding.renew():
                log.warning("socket lost, bound again", extra={"endpoint": binding.endpoint})
                reader.wake()

    def close(self) -> None:
        """Stop reading and close the sockets."""
        for reader in self._readers:
            reader.close()
        self._jobs.close()
        self._bus.close()
        self._control.close()
        self._context.term()

    def _receive(self, decoder: Decoder[BusMessage] | Decoder[Replayed], frames: list[bytes]) -> None:
        """Decode a message, which follows a frame with the sender's id or the topic."""
        if len(frames) < 2:
            return
        try:
            message = decoder.decode(frames[1])
        except WireError as error:
            log.warning("message ignored", extra={"reason": str(error)})
            return
        self._on_message(message)
