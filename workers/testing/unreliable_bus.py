"""A bus that loses and reorders messages, to test the replay of lost events.

Environment variables turn it on; without them a worker's bus is a plain PUB socket. ``NEXA_CHAOS_DROP`` is the fraction
of messages to lose, ``NEXA_CHAOS_DELAY`` the fraction to send after the next message. ``NEXA_CHAOS_SEED`` makes the
choice repeatable for the same sequence of messages.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Sequence
from typing import Protocol

import zmq

from shared.wire.transport import open_socket

DROP_VARIABLE = "NEXA_CHAOS_DROP"
DELAY_VARIABLE = "NEXA_CHAOS_DELAY"
SEED_VARIABLE = "NEXA_CHAOS_SEED"

log = logging.getLogger("nexa.worker.link")


class Bus(Protocol):
    """The part of a PUB socket that a worker's link uses."""

    def setsockopt(self, option: int, value: int, /) -> None:
        """See :class:`zmq.Socket`."""

    def connect(self, address: str, /) -> object:
        """See :class:`zmq.Socket`."""

    def send_multipart(self, frames: Sequence[bytes], /) -> object:
        """See :class:`zmq.Socket`."""

    def close(self) -> None:
        """See :class:`zmq.Socket`."""


class UnreliableBus:
    """A PUB socket that loses some messages and sends some others after their successor."""

    def __init__(self, sock: zmq.Socket[bytes], drop: float, delay: float, seed: int | None) -> None:
        self._sock = sock
        self._drop = drop
        self._delay = delay
        self._random = random.Random(seed)
        self._held: list[Sequence[bytes]] = []
        self.dropped = 0
        self.delayed = 0

    def setsockopt(self, option: int, value: int) -> None:
        self._sock.setsockopt(option, value)

    def connect(self, address: str) -> None:
        self._sock.connect(address)

    def send_multipart(self, frames: Sequence[bytes]) -> None:
        held, self._held = self._held, []
        draw = self._random.random()
        if draw < self._drop:
            self.dropped += 1
        elif draw < self._drop + self._delay:
            self.delayed += 1
            self._held = [frames]
        else:
            self._sock.send_multipart(frames)
        for late in held:
            self._sock.send_multipart(late)

    def close(self) -> None:
        log.warning("chaos on the wire", extra={"dropped": self.dropped, "delayed": self.delayed})
        self._sock.close()


def open_bus(context: zmq.Context[zmq.Socket[bytes]]) -> Bus:
    """Open a worker's PUB socket; an unreliable one if the environment says so."""
    sock = open_socket(context, zmq.PUB)
    drop, delay = (float(os.environ.get(name) or 0) for name in (DROP_VARIABLE, DELAY_VARIABLE))
    if not drop and not delay:
        return sock
    log.warning("losing messages on purpose", extra={"drop": drop, "delay": delay})
    seed = os.environ.get(SEED_VARIABLE)
    return UnreliableBus(sock, drop, delay, None if seed is None else int(seed))
