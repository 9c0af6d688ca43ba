"""The bus that loses and reorders messages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import zmq

from workers.testing.unreliable_bus import UnreliableBus, open_bus


class Sent:
    """Records what is sent."""

    def __init__(self) -> None:
        self.messages: list[list[bytes]] = []

    def send_multipart(self, frames: Sequence[bytes]) -> None:
        self.messages.append(list(frames))


def test_without_the_variables_it_is_a_plain_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NEXA_CHAOS_DROP", "NEXA_CHAOS_DELAY"):
        monkeypatch.delenv(name, raising=False)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    bus = open_bus(context)
    assert isinstance(bus, zmq.Socket)
    bus.close()
    context.term()


def test_with_them_some_messages_are_lost_and_some_are_late() -> None:
    sent = Sent()
    bus = UnreliableBus(sent, drop=0.2, delay=0.2, seed=3)  # type: ignore[arg-type]
    messages = [[bytes([number])] for number in range(200)]
    for message in messages:
        bus.send_multipart(message)
    assert len(sent.messages) == 200 - bus.dropped - len(bus._held)
    assert 20 < bus.dropped < 60
    assert 20 < bus.delayed < 60
    assert sent.messages != sorted(sent.messages)
    for position, message in enumerate(sorted(sent.messages)):
        assert abs(sent.messages.index(message) - position) <= 2
