"""Equal orders merge: a worker that waits for its restart is not restarted twice."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.wire.supervision import RestartWorkers, WorkerState
from tests.support.workers.memory_placer import MemoryPlacer
from workers.supervisor.orders import Orders
from workers.supervisor.replicas.fleet import Fleet


class Stub:
    """A replica whose restarts take until ``go`` is set."""

    model = "m"
    detail = ""
    state = WorkerState.READY

    def __init__(self, name: str, go: asyncio.Event, done: list[str], works: bool = True) -> None:
        self.name = name
        self._go, self._done, self._works = go, done, works

    async def restart(self, timeout_s: float) -> bool:
        await self._go.wait()
        self._done.append(self.name)
        return self._works


def fleet_of(*replicas: Any) -> Fleet:
    fleet = Fleet((), MemoryPlacer(), None, lambda: None, lambda task: None)
    fleet.by_name = {replica.name: replica for replica in replicas}
    return fleet


def restarted(*orders: list[str], works: bool = True, later: list[str] | None = None) -> list[str]:
    """The restarts that follow from orders that arrive at once, and from one after their end."""

    async def go() -> list[str]:
        event = asyncio.Event()
        done: list[str] = []
        replicas: Any = [Stub(name, event, done, works) for name in ("m/0", "m/1")]
        taking = Orders(fleet_of(*replicas), 1.0, lambda task: None)
        for names in orders:
            taking.take(RestartWorkers(names))
            await asyncio.sleep(0)
        event.set()
        await asyncio.gather(*taking._tasks)
        if later:
            taking.take(RestartWorkers(later))
            await asyncio.gather(*taking._tasks)
        return done

    return asyncio.run(asyncio.wait_for(go(), 10))


def test_a_hundred_equal_orders_restart_each_worker_at_most_once_more() -> None:
    assert restarted(*[["m/0", "m/1"]] * 100) == ["m/0", "m/1", "m/0"]


def test_an_order_after_the_restart_is_carried_out() -> None:
    assert restarted(["m/0"], later=["m/0"]) == ["m/0", "m/0"]


def test_workers_that_were_left_out_after_a_failure_can_be_restarted_again() -> None:
    assert restarted(["m/0", "m/1"], works=False, later=["m/1"]) == ["m/0", "m/1"]


def test_a_failure_does_not_forget_the_orders_that_came_meanwhile() -> None:
    async def go() -> list[str]:
        event = asyncio.Event()
        done: list[str] = []
        replica: Any = Stub("m/0", event, done, works=False)
        taking = Orders(fleet_of(replica), 1.0, lambda task: None)
        for _ in range(2):
            taking.take(RestartWorkers(["m/0"]))
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(event.set)
        await event.wait()  # wakes after the first restart, before the second one begins
        assert done == ["m/0"]
        taking.take(RestartWorkers(["m/0"]))
        await asyncio.gather(*taking._tasks)
        return done

    assert asyncio.run(asyncio.wait_for(go(), 10)) == ["m/0", "m/0"]
