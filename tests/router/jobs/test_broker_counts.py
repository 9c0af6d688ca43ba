"""The broker's counts of lost workers, moved jobs and waiting jobs, and what it logs once."""

from __future__ import annotations

import pytest

from router.jobs.broker import MAX_TOLD_STAND_INS
from shared.kinds import JobKind
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


def test_the_model_that_a_clients_own_name_means_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: BrokerServer) -> None:
        for name in ("gpt-4o", "gpt-4o", "smol", "SMOL", None, "claude-x"):
            assert server.broker.find_model(name, JobKind.TEXT).name == "smol"
        for number in range(2 * MAX_TOLD_STAND_INS):
            server.broker.find_model(f"gpt-{number}", JobKind.TEXT)

    with caplog.at_level("INFO", "nexa.router.jobs"):
        run(test)
    told = [vars(record)["given"] for record in caplog.records if "given" in vars(record)]
    assert told[:3] == ["gpt-4o", "claude-x", "gpt-0"]
    assert len(told) == MAX_TOLD_STAND_INS
