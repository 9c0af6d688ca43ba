"""A reader hands over every message of its socket, in turns that leave the event loop time for others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import zmq

from shared.wire.transport import SocketReader, open_socket
from tests.support.sockets import PATIENCE_MS

PATIENCE_S = 20.0
Connect = Callable[[int, int], "tuple[zmq.Socket[bytes], zmq.Socket[bytes]]"]


@pytest.fixture
def connect(folder: Path, context: zmq.Context[zmq.Socket[bytes]]) -> Connect:
    """Makes a bound socket and a connected one, which share an ``ipc://`` endpoint."""
    names = (f"ipc://{folder}/{number}" for number in itertools.count())

    def make(bound_kind: int, connected_kind: int) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
        bound, connected = open_socket(context, bound_kind), open_socket(context, connected_kind)
        endpoint = next(names)
        bound.bind(endpoint)
        connected.connect(endpoint)
        return bound, connected

    return make


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), PATIENCE_S))


class Inbox:
    """Collects what a reader hands over."""

    def __init__(self) -> None:
        self.messages: list[list[bytes]] = []
        self._arrived = asyncio.Event()

    def put(self, frames: list[bytes]) -> None:
        self.messages.append(frames)
        self._arrived.set()

    async def wait_for(self, count: int) -> None:
        while len(self.messages) < count:
            self._arrived.clear()
            await self._arrived.wait()


def test_a_message_that_came_before_a_send_on_the_same_socket_is_seen(connect: Connect) -> None:
    async def test() -> None:
        router, dealer = connect(zmq.ROUTER, zmq.DEALER)
        inbox = Inbox()
        dealer.send(b"hello")
        reader = SocketReader(router, inbox.put)
        await inbox.wait_for(1)
        identity = inbox.messages[0][0]
        for round_trip in range(2, 20):
            dealer.send(b"again")
            # Asking for the socket's state, as a send does too, takes the signal off the descriptor.
            assert router.poll(PATIENCE_MS, zmq.POLLIN)
            router.send_multipart([identity, b"answer"])
            reader.wake()
            await inbox.wait_for(round_trip)
        reader.close()

    run(test)


def test_messages_that_came_before_the_reader_are_seen(connect: Connect) -> None:
    async def test() -> None:
        router, dealer = connect(zmq.ROUTER, zmq.DEALER)
        dealer.send(b"early")
        assert router.poll(PATIENCE_MS, zmq.POLLIN)
        inbox = Inbox()
        reader = SocketReader(router, inbox.put)
        await inbox.wait_for(1)
        reader.close()

    run(test)


def test_many_messages_at_once_arrive_whole_and_in_order(connect: Connect) -> None:
    count = SocketReader.MAX_MESSAGES_PER_TURN * 4 + 1

    async def test() -> None:
        router, dealer = connect(zmq.ROUTER, zmq.DEALER)
        for number in range(count):
            dealer.send_multipart([str(number).encode(), b"blob"])
        inbox = Inbox()
        reader = SocketReader(router, inbox.put)
        await inbox.wait_for(count)
        assert [frames[1:] for frames in inbox.messages] == [[str(n).encode(), b"blob"] for n in range(count)]
        reader.close()

    run(test)


def test_a_flood_leaves_the_loop_its_turns(connect: Connect) -> None:
    async def test() -> None:
        router, dealer = connect(zmq.ROUTER, zmq.DEALER)
        inbox = Inbox()
        count = SocketReader.MAX_MESSAGES_PER_TURN * 3
        for _ in range(count):
            dealer.send(b"flood")
        seen_at_a_turn: list[int] = []
        behind_at_a_turn: set[bool] = set()

        def look() -> None:
            seen_at_a_turn.append(len(inbox.messages))
            behind_at_a_turn.add(reader.behind)
            if len(inbox.messages) < count:
                asyncio.get_running_loop().call_soon(look)

        assert router.poll(PATIENCE_MS, zmq.POLLIN)
        reader = SocketReader(router, inbox.put)
        look()
        await inbox.wait_for(count)
        assert any(0 < seen < count for seen in seen_at_a_turn)
        assert behind_at_a_turn == {False, True}
        reader.close()

    run(test)


def test_published_messages_of_the_subscribed_topic_arrive(connect: Connect) -> None:
    async def test() -> None:
        sub, pub = connect(zmq.SUB, zmq.PUB)
        sub.setsockopt(zmq.SUBSCRIBE, b"mine")
        inbox = Inbox()
        reader = SocketReader(sub, inbox.put)
        while not inbox.messages:  # until the subscription has reached the publisher
            pub.send_multipart([b"mine", b"probe"])
            await asyncio.sleep(0.005)
        for number in range(1000):
            pub.send_multipart([b"other", b""])
            pub.send_multipart([b"mine", str(number).encode()])
        while inbox.messages[-1][1] != b"999":
            await inbox.wait_for(len(inbox.messages) + 1)
        received = [payload for _, payload in inbox.messages if payload != b"probe"]
        assert received == [str(number).encode() for number in range(1000)]
        reader.close()

    run(test)


def test_a_message_whose_callback_fails_leaves_the_next_ones_readable(connect: Connect) -> None:
    async def test() -> None:
        router, dealer = connect(zmq.ROUTER, zmq.DEALER)
        failures: list[Exception] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
        inbox = Inbox()

        def fail_once(frames: list[bytes]) -> None:
            inbox.put(frames)
            if frames[1] == b"bad":
                raise LookupError("a defect")

        dealer.send(b"bad")
        dealer.send(b"good")
        dealer.send(b"last")
        assert router.poll(PATIENCE_MS, zmq.POLLIN)
        reader = SocketReader(router, fail_once)
        await inbox.wait_for(3)
        assert [str(failure) for failure in failures] == ["a defect"]
        reader.close()

    run(test)


def test_a_closed_reader_hands_nothing_over(connect: Connect) -> None:
    async def test() -> None:
        router, dealer = connect(zmq.ROUTER, zmq.DEALER)
        closed, open_ = Inbox(), Inbox()
        SocketReader(router, closed.put).close()
        dealer.send(b"late")
        reader = SocketReader(router, open_.put)
        await open_.wait_for(1)
        assert closed.messages == []
        reader.close()

    run(test)


def test_all_wakes_of_a_turn_are_one_read(connect: Connect) -> None:
    """Each message may be answered on the same socket: with a read for each answer, nobody else would get a turn."""

    class Counted(SocketReader):
        reads = 0

        def _drain(self) -> None:
            self.reads += 1
            super()._drain()

    async def test() -> None:
        router, _ = connect(zmq.ROUTER, zmq.DEALER)
        reader = Counted(router, lambda frames: None)
        await asyncio.sleep(0)
        before = reader.reads
        for _ in range(100):
            reader.wake()
        await asyncio.sleep(0)
        assert reader.reads <= before + 2, "the loop may have called it, too"
        reader.close()

    run(test)
