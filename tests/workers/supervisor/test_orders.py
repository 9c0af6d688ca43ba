"""Operators' orders: drain a worker, bring it back, restart all in turn."""

from __future__ import annotations

import asyncio
from pathlib import Path

import zmq

from shared.wire.codec import encode
from shared.wire.supervision import DrainWorker, RestartWorkers, WorkerState
from shared.wire.transport import Endpoints, open_socket
from tests.support.workers.stand_ins.server import StandInLaunch
from tests.support.workers.supervised import pids, ready_with_router, running, until
from workers.supervisor.replicas.limits import WorkerLimits
from workers.supervisor.replicas.restarts import RestartPolicy
from workers.supervisor.supervisor import Supervisor


class Operator:
    """The router's end of the control socket."""

    def __init__(self, folder: Path) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_socket(self._context, zmq.PUSH)
        self._socket.connect(Endpoints.in_folder(folder).control)

    def order(self, message: DrainWorker | RestartWorkers) -> None:
        self._socket.send(encode(message))

    def send_garbage(self) -> None:
        self._socket.send(b"garbage")

    def close(self) -> None:
        self._context.destroy(linger=0)


def drained(folder: Path) -> list[str]:
    """The stand-ins that drained, in order."""
    story = folder / "story"
    return [line.split()[0] for line in story.read_text().splitlines()] if story.exists() else []


def ready(supervisor: Supervisor) -> bool:
    return all(replica.state is WorkerState.READY for replica in supervisor.replicas)


def test_a_drained_worker_ends_and_stays_out_until_it_is_restarted(folder: Path) -> None:
    async def story() -> None:
        async with running(StandInLaunch(folder, "serve", {"m": "serve", "n": "serve"})) as supervisor:
            operator = Operator(folder)
            await ready_with_router(supervisor, folder)
            first, second = supervisor.replicas
            former_id = first.status().worker_id
            operator.send_garbage()
            operator.order(DrainWorker("no such worker"))
            operator.order(DrainWorker("m/0"))
            await until(lambda: first.state is WorkerState.DRAINED, "drained")
            assert drained(folder) == ["m/0"]
            assert "nexa restart m/0" in first.status().detail
            assert second.state is WorkerState.READY
            operator.order(RestartWorkers(["m/0"]))
            await until(lambda: first.state is WorkerState.READY, "ready again")
            assert first.status().worker_id != former_id
            assert first.status().restarts == 0  # an ordered restart does not count
            operator.close()

    asyncio.run(story())


def test_workers_of_a_model_are_restarted_one_after_the_other(folder: Path) -> None:
    async def story() -> None:
        launch = StandInLaunch(folder, "serve", {"m": "serve"}, count=3)
        async with running(launch) as supervisor:
            operator = Operator(folder)
            await ready_with_router(supervisor, folder)
            former = [replica.status().worker_id for replica in supervisor.replicas]
            serving: list[int] = []

            def all_new() -> bool:
                states = [replica.state for replica in supervisor.replicas]
                serving.append(states.count(WorkerState.READY))
                new = [replica.status().worker_id for replica in supervisor.replicas]
                return ready(supervisor) and not set(new) & set(former)

            operator.order(RestartWorkers([replica.name for replica in supervisor.replicas]))
            await until(all_new, "three new workers")
            assert min(serving) == 2
            assert drained(folder) == ["m/0", "m/1", "m/2"]
            operator.close()

    asyncio.run(story())


def test_a_model_that_no_longer_loads_stops_the_restarts_after_the_first_worker(folder: Path) -> None:
    async def story() -> None:
        launch = StandInLaunch(folder, "serve", {"m": "serve"}, count=2)
        async with running(launch) as supervisor:
            operator = Operator(folder)
            await ready_with_router(supervisor, folder)
            first, second = supervisor.replicas
            former_id = second.status().worker_id
            launch.workers["m"] = "exit:9"
            operator.order(RestartWorkers(["m/0", "m/1"]))
            await until(lambda: first.state is WorkerState.FAILED, "given up")
            assert "given up after 5 failed starts" in first.status().detail
            launch.workers["m"] = "serve"
            operator.order(RestartWorkers(["m/0"]))
            await until(lambda: first.state is WorkerState.READY, "brought back")
            assert (second.state, second.status().worker_id) == (WorkerState.READY, former_id)
            operator.close()

    asyncio.run(story())


def test_an_order_ends_the_pause_before_a_restart(folder: Path) -> None:
    async def story() -> None:
        patient = WorkerLimits(restarts=lambda: RestartPolicy(first_delay_s=3600.0, max_delay_s=3600.0))
        launch = StandInLaunch(folder, "serve", {"m": "dies-when-ready", "n": "serve"})
        async with running(launch, patient) as supervisor:
            operator = Operator(folder)
            replica = supervisor.replicas[0]
            await until(lambda: replica.state is WorkerState.EXITED, "its end")
            launch.workers["m"] = "serve"
            operator.order(RestartWorkers(["m/0"]))
            await until(lambda: replica.state is WorkerState.READY, "ready")
            operator.close()

    asyncio.run(story())


def test_the_last_lines_of_a_worker_that_was_given_up_are_published(folder: Path) -> None:
    async def story() -> None:
        launch = StandInLaunch(folder, "serve", {"bad": "cannot-load", "good": "serve"})
        async with running(launch) as supervisor:
            bad, good = supervisor.replicas
            await until(lambda: bad.state is WorkerState.FAILED, "failed")
            assert bad.status().last_lines == ["no such tensor"]
            await until(lambda: good.state is WorkerState.READY, "ready")
            assert good.status().last_lines == []
            assert len(pids(folder, "router")) == 1

    asyncio.run(story())
