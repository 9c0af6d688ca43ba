"""A bus that loses and delays messages, for tests alone: what the replay of lost events is measured with.

Two environment variables make a worker's bus so; without them it is a plain PUB socket. ``NEXA_CHAOS_DROP`` is the
fraction of messages that are lost, ``NEXA_CHAOS_DELAY`` the fraction that goes out after the message that follows.
``NEXA_CHAOS_SEED`` makes the choice repeatable, for one order of messages.
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
    """What a worker's link does with its PUB socket."""

    def setsockopt(self, option: int, value: int, /) -> None:
        """As that of a socket."""

    def connect(self, address: str, /) -> object:
        """As that of a socket."""

    def send_multipart(self, frames: Sequence[bytes], /) -> object:
        """As that of a socket."""

    def close(self) -> None:
        """As that of a socket."""


class UnreliableBus:
    """A PUB socket that loses some messages, and lets some others go before the one that it was given first."""

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
    """The PUB socket of a worker; unreliable if the environment asks for that."""
    sock = open_socket(context, zmq.PUB)
    drop, delay = (float(os.environ.get(name) or 0) for name in (DROP_VARIABLE, DELAY_VARIABLE))
    if not drop and not delay:
        return sock
    log.warning("messages are lost on purpose", extra={"drop": drop, "delay": delay})
    seed = os.environ.get(SEED_VARIABLE)
    return UnreliableBus(sock, drop, delay, None if seed is None else int(seed))
