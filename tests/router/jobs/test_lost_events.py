"""Events that the bus loses, repeats or reorders reach the client once and in order."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.wire.messages import Acknowledge, Cancel, Replay
from shared.wire.payloads import Payload
from tests.support.router.broker_server import DONE, STARTED, BrokerServer, collect, run, tokens


@pytest.fixture
def requests_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.jobs.receiver.REPLAY_INTERVAL_S", 0.01)


def test_lost_events_are_replayed_in_order() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        worker.say(job.wire_id, STARTED, *tokens(1))
        worker.record(job.wire_id, *tokens(2, 3))  # lost
        worker.say(job.wire_id, *tokens(4))
        worker.say(job.wire_id, *tokens(5), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2, 3, 4, 5), DONE]
        assert worker.of_type(Replay)[0] == Replay(job.wire_id, 2)

    run(test)


def test_a_lost_end_is_noticed_by_the_next_heartbeat() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.running_on(worker, 1)
        worker.record(job.wire_id, *tokens(2), DONE)  # lost
        worker.beat()
        assert await collect(job) == [STARTED, *tokens(1, 2), DONE]
        assert worker.of_type(Replay) == [Replay(job.wire_id, 2)]

    run(test)


def test_a_report_from_before_an_acknowledgement_cancels_nothing() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.running_on(worker, 1)
        worker.say(job.wire_id, DONE)
        worker.report()
        await server.until(lambda: len(worker.of_type(Acknowledge) + worker.of_type(Cancel)) == 2)
        assert worker.of_type(Acknowledge) == [Acknowledge([job.wire_id])] * 2

    run(test)


def test_a_lost_replay_is_requested_again(requests_again_at_once: None) -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        worker.answers_replays = False
        job = await server.running_on(worker, 1)
        worker.record(job.wire_id, DONE)  # lost
        await server.until(lambda: len(worker.of_type(Replay)) >= 2, worker.beat)
        worker.answers_replays = True
        await server.until(lambda: job.ended, worker.beat)
        assert await collect(job) == [STARTED, *tokens(1), DONE]

    run(test)


@pytest.mark.usefixtures("requests_again_at_once")
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 6), st.data())
def test_the_client_gets_all_events_once_and_in_order_whatever_the_bus_does(count: int, data: st.DataObject) -> None:
    payloads: list[Payload] = [STARTED, *tokens(*range(count)), DONE]
    arrivals = data.draw(st.lists(st.integers(0, len(payloads) - 1), max_size=2 * len(payloads)))

    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        events = worker.record(job.wire_id, *payloads)
        for seq in arrivals:
            worker.publish([events[seq]])
        await server.until(lambda: job.ended, worker.beat)
        assert await collect(job) == payloads
        assert job.generated == list(range(count))

    run(test)
