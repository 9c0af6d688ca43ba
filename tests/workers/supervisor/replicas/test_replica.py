"""The state machine of a worker over a placer that starts no process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from shared.wire.supervision import WorkerState
from tests.support.workers.memory_placer import KILLED, MemoryPlacer, MemoryWorker
from tests.support.workers.supervised import until
from workers.supervisor.placing.placer import Exit, WorkerSpec
from workers.supervisor.replicas.limits import WorkerLimits
from workers.supervisor.replicas.replica import Replica
from workers.supervisor.replicas.restarts import RestartPolicy

CRASH = Exit("crashed")


def patient() -> RestartPolicy:
    """Pauses longer than any test."""
    return RestartPolicy(first_delay_s=3600.0, max_delay_s=3600.0)


def quick() -> RestartPolicy:
    return RestartPolicy(first_delay_s=0.001, max_delay_s=0.001)


@asynccontextmanager
async def running(placer: MemoryPlacer, restarts: Callable[[], RestartPolicy] = quick) -> AsyncIterator[Replica]:
    """A replica that keeps a worker until the test's end."""
    limits = WorkerLimits(silence_s=60.0, busy_s=60.0, stop_s=60.0, restarts=restarts)
    replica = Replica("m/0", "m", placer, limits, lambda: None)
    task = asyncio.create_task(replica.run())
    try:
        yield replica
    finally:
        replica.kill()
        await task


async def worker_number(placer: MemoryPlacer, count: int) -> MemoryWorker:
    """Wait until ``count`` workers were placed; returns the last one."""
    await until(lambda: len(placer.placed) == count, f"{count} workers")
    await asyncio.sleep(0)  # until the replica has it
    return placer.placed[-1]


async def ready_worker(placer: MemoryPlacer, replica: Replica, count: int = 1) -> MemoryWorker:
    worker = await worker_number(placer, count)
    replica.heard(worker.beat(WorkerState.READY))
    assert replica.state is WorkerState.READY
    return worker


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(story(), 20.0)

    asyncio.run(bounded())


def test_a_worker_is_placed_and_followed_by_its_heartbeats() -> None:
    async def story() -> None:
        placer = MemoryPlacer()
        async with running(placer) as replica:
            worker = await worker_number(placer, 1)
            assert (worker.spec.model, worker.spec.worker_name) == ("m", "m/0")
            beats = [worker.beat(WorkerState.LOADING, 0.5), worker.beat(WorkerState.READY)]
            replica.heard(beats[0])
            assert (replica.state, replica.loading, replica.location) == (WorkerState.LOADING, 0.5, "rack 3")
            replica.heard(beats[1])
            assert replica.state is WorkerState.READY
            assert worker.observed == beats

    run(story)


def test_a_worker_that_ends_is_replaced_for_the_reason_that_its_placer_gives() -> None:
    async def story() -> None:
        placer = MemoryPlacer()
        async with running(placer) as replica:
            first = await ready_worker(placer, replica)
            first.exit(Exit("the machine lost power"), "last words")
            second = await worker_number(placer, 2)
            assert second.spec.worker_id != first.spec.worker_id
            assert (replica.detail, replica.last_lines) == ("the machine lost power", ["last words"])
            assert replica.status().restarts == 1
            replica.heard(first.beat(WorkerState.READY))
            assert replica.state is WorkerState.SPAWNING  # that was its predecessor's heartbeat
            assert second.observed == []

    run(story)


def test_a_first_load_that_is_hopeless_is_not_tried_again() -> None:
    async def story() -> None:
        placer = MemoryPlacer()
        async with running(placer) as replica:
            (await worker_number(placer, 1)).exit(Exit("no such model", hopeless=True), "no such tensor")
            await until(lambda: replica.state is WorkerState.FAILED, "given up")
            assert replica.status().last_lines == ["no such tensor"]
            assert len(placer.placed) == 1

    run(story)


def test_a_hopeless_load_is_tried_again_where_one_has_succeeded() -> None:
    async def story() -> None:
        placer = MemoryPlacer()
        async with running(placer) as replica:
            (await ready_worker(placer, replica)).exit(CRASH)
            (await worker_number(placer, 2)).exit(Exit("no such model", hopeless=True))
            await worker_number(placer, 3)

    run(story)


def test_a_worker_that_asks_to_be_replaced_is_replaced_without_a_pause() -> None:
    async def story() -> None:
        placer = MemoryPlacer()
        async with running(placer, patient) as replica:
            (await ready_worker(placer, replica)).exit(Exit("replace me", replace=True))
            await worker_number(placer, 2)

    run(story)


def test_workers_that_cannot_be_placed_are_given_up_with_the_reason() -> None:
    async def story() -> None:
        placer = MemoryPlacer()
        placer.refusal = "no machine has a free GPU"
        async with running(placer) as replica:
            await until(lambda: replica.state is WorkerState.FAILED, "given up")
            assert placer.attempts == 5
            assert "no machine has a free GPU" in replica.detail
            placer.refusal = ""
            restart = asyncio.create_task(replica.restart(60.0))
            await ready_worker(placer, replica)
            assert await restart

    run(story)


def test_a_worker_whose_step_takes_too_long_is_killed_and_the_reason_is_the_replicas() -> None:
    async def story() -> None:
        placer = MemoryPlacer()
        async with running(placer, patient) as replica:
            worker = await ready_worker(placer, replica)
            replica.heard(worker.beat(WorkerState.READY, busy_s=61.0))
            await until(lambda: replica.state is WorkerState.EXITED, "its end")
            assert "one step took longer than 60 s" in replica.detail

    run(story)


def test_a_drained_worker_stays_out_until_a_restart() -> None:
    async def story() -> None:
        placer = MemoryPlacer()
        async with running(placer) as replica:
            await ready_worker(placer, replica)
            await replica.drain(60.0)
            await until(lambda: replica.state is WorkerState.DRAINED, "drained")
            restart = asyncio.create_task(replica.restart(60.0))
            await ready_worker(placer, replica, 2)
            assert await restart

    run(story)


@pytest.mark.parametrize("obedient", [True, False])
def test_stopping_reports_whether_the_worker_had_to_be_killed(obedient: bool) -> None:
    async def story() -> None:
        placer = MemoryPlacer(obedient)
        async with running(placer) as replica:
            await ready_worker(placer, replica)
            assert await replica.stop() is obedient

    run(story)


def test_a_replica_that_is_stopped_while_its_worker_is_being_placed_leaves_none_behind() -> None:
    class SlowPlacer(MemoryPlacer):
        async def place(self, spec: WorkerSpec) -> MemoryWorker:
            await go_on.wait()
            return await super().place(spec)

    async def story() -> None:
        placer = SlowPlacer()
        async with running(placer) as replica:
            await asyncio.sleep(0)
            assert await replica.stop()
            go_on.set()
        assert [await worker.wait() for worker in placer.placed] == [KILLED]

    go_on = asyncio.Event()
    run(story)
