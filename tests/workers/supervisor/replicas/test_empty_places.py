"""Places that are filled and emptied by orders, over a placer that starts no process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from shared.wire.supervision import WorkerState
from tests.support.workers.memory_placer import KILLED, MemoryPlacer
from tests.support.workers.supervised import until
from workers.supervisor.placing.placer import Exit
from workers.supervisor.replicas.limits import WorkerLimits
from workers.supervisor.replicas.replica import Replica
from workers.supervisor.replicas.restarts import MAX_FAILED_STARTS, RestartPolicy

STARVED = Exit("probably out of memory", out_of_memory=True)
SETTINGS, MEMORY = b'{"name": "m"}', {"cpu": 5}


@asynccontextmanager
async def empty_place(placer: MemoryPlacer) -> AsyncIterator[Replica]:
    """A place of a model that is loaded on demand."""
    quick = WorkerLimits(60.0, 60.0, 60.0, lambda: RestartPolicy(first_delay_s=0.001, max_delay_s=0.001))
    replica = Replica("m/0", "m", placer, quick, lambda: None, loaded=False)
    task = asyncio.create_task(replica.run())
    try:
        yield replica
    finally:
        replica.kill()
        await task


def run(check: Callable[[MemoryPlacer, Replica], Awaitable[None]], obedient: bool = True) -> None:
    async def go() -> None:
        placer = MemoryPlacer(obedient)
        async with empty_place(placer) as replica:
            await check(placer, replica)

    asyncio.run(asyncio.wait_for(go(), 20))


async def placed(placer: MemoryPlacer, count: int) -> None:
    await until(lambda: len(placer.placed) == count, f"{count} workers")


async def became(replica: Replica, state: WorkerState) -> None:
    await until(lambda: replica.state is state, f"the place is {state}")


def state_of(replica: Replica) -> WorkerState:
    return replica.state


async def loaded(placer: MemoryPlacer, replica: Replica, count: int = 1) -> None:
    replica.load(SETTINGS, MEMORY)
    await until(lambda: len(placer.placed) == count, "a worker is placed")
    for state in (WorkerState.LOADING, WorkerState.READY):
        replica.heard(placer.placed[-1].beat(state))


def test_a_place_is_empty_until_it_is_loaded_and_again_once_it_is_unloaded() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        assert replica.state is WorkerState.UNLOADED
        await loaded(placer, replica)
        assert replica.status().memory == MEMORY
        assert (placer.placed[0].spec.settings, placer.placed[0].spec.memory) == (SETTINGS, MEMORY)
        await replica.unload(5.0, "others need it")
        await until(lambda: replica.state is WorkerState.UNLOADED, "it is unloaded")
        assert (replica.status().memory, replica.detail) == ({}, "others need it")
        await loaded(placer, replica, count=2)
        assert state_of(replica) is WorkerState.READY

    run(check)


def test_a_worker_that_dies_while_it_serves_is_replaced_with_the_same_settings() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        await loaded(placer, replica)
        placer.placed[0].exit(KILLED)
        await until(lambda: len(placer.placed) == 2, "another worker")
        assert placer.placed[1].spec.settings == SETTINGS

    run(check)


def test_a_load_that_fails_is_not_repeated() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        replica.load(SETTINGS, MEMORY)
        await until(lambda: placer.placed, "a worker is placed")
        placer.placed[0].exit(Exit("the model cannot be loaded"))
        await until(lambda: replica.state is WorkerState.FAILED, "it has failed")
        assert replica.detail == "the model cannot be loaded"
        await replica.unload(0.0, "another attempt may be made")
        await until(lambda: replica.state is WorkerState.UNLOADED, "the place is empty")
        assert len(placer.placed) == 1

    run(check)


def test_a_load_that_finds_too_little_memory_leaves_the_place_empty_once_and_fails_the_second_time() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        for count, state in ((1, WorkerState.UNLOADED), (2, WorkerState.FAILED)):
            replica.load(SETTINGS, MEMORY)
            await placed(placer, count)
            placer.placed[-1].exit(STARVED)
            await became(replica, state)
            assert replica.status().out_of_memory == count

    run(check)


def test_a_worker_that_someone_kills_while_it_loads_is_started_again_in_its_place() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        replica.load(SETTINGS, MEMORY)
        for count in (1, 2):
            await placed(placer, count)
            placer.placed[-1].exit(Exit("killed by hand", from_outside=True))
        await placed(placer, 3)
        assert (replica.status().memory, placer.placed[-1].spec.settings) == (MEMORY, SETTINGS)
        placer.placed[-1].exit(Exit("the model cannot be loaded"))
        await became(replica, WorkerState.FAILED)

    run(check)


def test_a_load_that_someone_kills_again_and_again_is_given_up() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        replica.load(SETTINGS, MEMORY)
        for count in range(1, MAX_FAILED_STARTS + 1):
            await placed(placer, count)
            placer.placed[-1].exit(Exit("killed by hand", from_outside=True))
        await became(replica, WorkerState.FAILED)
        assert "given up after 5 failed starts; the last one: killed by hand" in replica.detail

    run(check)


def test_orders_that_come_twice_change_nothing() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        await replica.unload(1.0, "already empty")
        await loaded(placer, replica)
        replica.load(b"other", {"cpu": 9})
        assert replica.status().memory == MEMORY
        assert len(placer.placed) == 1

    run(check)


def test_a_load_that_has_not_begun_ends_with_an_order_to_unload() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        replica.load(SETTINGS, MEMORY)
        await replica.unload(0.0, "nobody waits any more")
        await asyncio.sleep(0)
        assert replica.state is WorkerState.UNLOADED
        assert not placer.placed
        await loaded(placer, replica)

    run(check)


def test_an_order_to_unload_that_is_repeated_ends_one_worker_once() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        await loaded(placer, replica)
        await asyncio.gather(*(replica.unload(5.0, "others need it") for _ in range(3)))
        await became(replica, WorkerState.UNLOADED)
        await replica.unload(5.0, "others need it")
        await loaded(placer, replica, count=2)
        assert state_of(replica) is WorkerState.READY

    run(check)


def test_an_order_to_load_that_follows_a_repeated_one_to_unload_holds() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        await loaded(placer, replica)
        await replica.unload(5.0, "others need it")
        await became(replica, WorkerState.UNLOADED)
        again = asyncio.create_task(replica.unload(5.0, "others need it"))  # carried out later than what follows
        replica.load(SETTINGS, MEMORY)
        await placed(placer, 2)
        await again
        for state in (WorkerState.LOADING, WorkerState.READY):
            replica.heard(placer.placed[-1].beat(state))
        assert replica.state is WorkerState.READY

    run(check)


def test_an_empty_place_is_not_restarted() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        assert await replica.restart(5.0)
        assert replica.state is WorkerState.UNLOADED
        assert not placer.placed

    run(check)


def test_a_restart_ends_when_its_place_is_emptied() -> None:
    async def check(placer: MemoryPlacer, replica: Replica) -> None:
        await loaded(placer, replica)
        restart = asyncio.create_task(replica.restart(5.0))
        await placed(placer, 2)
        await replica.unload(5.0, "others need it")
        assert await restart
        await became(replica, WorkerState.UNLOADED)

    run(check)
