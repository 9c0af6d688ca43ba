"""Operators' orders on their way to the supervisor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq

from router.jobs.refusals import RefusalReason, Refused
from shared.wire.supervision import (
    CONTROL_MESSAGES,
    DrainWorker,
    RestartWorkers,
    Roster,
    RouterAlive,
    WorkerState,
    WorkerStatus,
)
from shared.wire.transport import Endpoints, open_socket
from tests.support.router.broker_server import BrokerServer, run


class SupervisorEnd:
    """The supervisor's end of the control socket."""

    def __init__(self, folder: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_socket(self._context, zmq.PULL)
        self._socket.bind(Endpoints.in_folder(Path(folder)).control)

    def next_order(self) -> Any:
        assert self._socket.poll(10_000)
        return CONTROL_MESSAGES.decode(self._socket.recv())

    def close(self) -> None:
        self._context.destroy(linger=0)


def with_supervisor(test: Callable[[BrokerServer, SupervisorEnd], Any]) -> None:
    async def story(server: BrokerServer) -> None:
        supervisor = SupervisorEnd(server.settings.run_folder)
        try:
            await test(server, supervisor)
        finally:
            supervisor.close()

    run(story)


def test_orders_reach_the_supervisor() -> None:
    async def test(server: BrokerServer, supervisor: SupervisorEnd) -> None:
        await server.ready_worker("a", "smol-0")
        await server.ready_worker("b", "smol-1")
        (row,) = server.broker.control.drain("smol-0")
        assert (row.name, row.state) == ("smol-0", "ready")
        assert supervisor.next_order() == DrainWorker("smol-0")
        assert len(server.broker.control.restart(None)) == 2
        assert supervisor.next_order() == RestartWorkers(["smol-0", "smol-1"])
        server.broker.control.restart("smol-1")
        assert supervisor.next_order() == RestartWorkers(["smol-1"])

    with_supervisor(test)


def test_what_is_not_loaded_is_not_restarted() -> None:
    async def test(server: BrokerServer, supervisor: SupervisorEnd) -> None:
        worker = await server.ready_worker("a", "smol-0")
        empty = WorkerStatus("smol-1", "smol", "", WorkerState.UNLOADED, 0, "")
        worker.publish_all(Roster([WorkerStatus("smol-0", "smol", "a", WorkerState.READY, 0, ""), empty]))
        await server.until(lambda: len(server.broker.workers()) == 2)
        with pytest.raises(Refused, match="to load its model, use nexa load smol") as refused:
            server.broker.control.restart("smol-1")
        assert refused.value.reason is RefusalReason.NOT_LOADED
        assert [row.name for row in server.broker.control.restart(None)] == ["smol-0"]

    with_supervisor(test)


def test_each_roster_is_answered_with_a_sign_of_life() -> None:
    async def test(server: BrokerServer, supervisor: SupervisorEnd) -> None:
        worker = await server.ready_worker("a", "smol-0")
        for _ in range(2):
            worker.publish_roster(WorkerState.READY)
            await server.round_trip(worker)
            assert supervisor.next_order() == RouterAlive(os.getpid(), ready=True)

    with_supervisor(test)


def test_a_router_without_a_ready_worker_answers_that_it_is_not_ready() -> None:
    async def test(server: BrokerServer, supervisor: SupervisorEnd) -> None:
        worker = await server.ready_worker("a", "smol-0")
        worker.publish_roster(WorkerState.EXITED)
        assert await asyncio.to_thread(supervisor.next_order) == RouterAlive(os.getpid(), ready=False)

    with_supervisor(test)


def test_unknown_workers_are_named_with_the_known_ones() -> None:
    async def test(server: BrokerServer, supervisor: SupervisorEnd) -> None:
        await server.ready_worker("a", "smol-0")
        for order in (server.broker.control.drain, server.broker.control.restart):
            with pytest.raises(Refused, match=r"name: expected one of smol-0; got 'smol-9'") as refused:
                order("smol-9")
            assert refused.value.reason is RefusalReason.WORKER_NOT_FOUND

    with_supervisor(test)


def test_the_last_worker_of_a_model_is_not_drained() -> None:
    async def test(server: BrokerServer, supervisor: SupervisorEnd) -> None:
        worker = await server.ready_worker("a", "smol-0")
        other = WorkerStatus("smol-1", "smol", "b", WorkerState.DRAINED, 0, "drained")
        worker.publish_all(Roster([WorkerStatus("smol-0", "smol", "a", WorkerState.READY, 0, ""), other]))
        await server.until(lambda: len(server.broker.workers()) == 2)
        with pytest.raises(Refused, match="to replace it, use nexa restart smol-0") as refused:
            server.broker.control.drain("smol-0")
        assert refused.value.reason is RefusalReason.LAST_WORKER

    with_supervisor(test)
