from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import uvloop

from router.http.connections.accepting import ACCEPTS_PER_TURN, with_many_accepts

CLIENTS = 3 * ACCEPTS_PER_TURN


def test_many_connections_are_accepted_in_one_turn_of_the_loop() -> None:
    async def accepted_in_three_turns(listener: socket.socket) -> int:
        loop = asyncio.get_running_loop()
        accepted = list[asyncio.Protocol]()

        def connect() -> asyncio.Protocol:
            accepted.append(asyncio.Protocol())
            return accepted[-1]

        servers = [await loop.create_server(connect, sock=one) for one in with_many_accepts(listener)]
        with ExitStack() as clients:
            for _ in range(CLIENTS):
                clients.enter_context(socket.create_connection(listener.getsockname()))
            for _ in range(3):
                await asyncio.sleep(0)
            count = len(accepted)
        for server in servers:
            server.close()
        return count

    listener = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(accepted_in_three_turns(listener)) >= ACCEPTS_PER_TURN
