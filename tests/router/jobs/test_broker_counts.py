"""The broker's counts of lost workers, moved jobs and waiting jobs."""

from __future__ import annotations

from tests.support.router.broker_server import BrokerServer, run


def test_a_lost_worker_and_its_moved_jobs_are_counted() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        await server.running_on(worker, 1)
        await server.submit_to(worker)
        await server.ready_worker("worker-again")
        await server.until(lambda: server.broker.worker_losses["smol"] == 1)
        assert server.broker.failovers["smol"] == 2

    run(test)


def test_waiting_jobs_are_counted_by_model() -> None:
    async def test(server: BrokerServer) -> None:
        server.submit()
        server.submit()
        assert server.broker.queue_lengths() == {"smol": 2}
        await server.ready_worker()
        await server.until(lambda: server.broker.queue_lengths() == {"smol": 0})

    run(test)
