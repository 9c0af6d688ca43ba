"""For how long jobs wait for their model to be loaded."""

from __future__ import annotations

from router.jobs.job import JobState
from shared.wire.payloads import Failed
from shared.wire.supervision import WorkerState
from tests.support.router.broker_server import BrokerServer, run


def test_a_job_waits_for_its_model_until_a_worker_takes_it() -> None:
    async def test(server: BrokerServer) -> None:
        job = server.submit()
        worker = await server.ready_worker()
        await server.until(lambda: job.wire_id in worker.jobs)
        assert job.dispatched_at_s is not None
        assert 0 < job.load_wait_s <= job.dispatched_at_s - job.created_at_s

    run(test)


def test_a_job_that_waits_for_room_or_begins_at_once_waits_for_no_load() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=1)
        first, second = await server.running_on(worker, 1), server.submit()
        assert second.state is JobState.QUEUED
        worker.say(first.wire_id, Failed(400, "done"))
        await server.until(lambda: second.wire_id in worker.jobs)
        assert (first.load_wait_s, second.load_wait_s) == (0.0, 0.0)

    run(test)


def test_a_job_that_is_given_up_has_waited_too() -> None:
    async def test(server: BrokerServer) -> None:
        job = server.submit()
        server.broker.cancel(job)
        assert job.load_wait_s > 0

    run(test)


def test_a_job_that_is_handed_back_waits_again() -> None:
    async def test(server: BrokerServer) -> None:
        first = await server.ready_worker("a")
        job = await server.running_on(first, 1)
        assert job.load_wait_s == 0.0
        first.publish_roster(WorkerState.EXITED, "it died")
        await server.until(lambda: job.state is JobState.QUEUED)
        second = await server.ready_worker("b")
        await server.until(lambda: job.wire_id in second.jobs)
        assert job.load_wait_s > 0

    run(test)
