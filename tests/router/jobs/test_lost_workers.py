"""The jobs of workers that die, fall silent, or never got them."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from router.jobs.failover import MAX_REQUEUES, retry_wait_s
from router.jobs.job import JobState
from shared.wire.messages import Cancel, Replayed, ReportAnswer
from shared.wire.payloads import Failed, Started
from shared.wire.supervision import WorkerState
from tests.support.router.broker_server import DONE, STARTED, BrokerServer, collect, run, tokens


def test_streams_of_a_replaced_worker_resume_on_the_new_one_before_waiting_jobs() -> None:
    async def test(server: BrokerServer) -> None:
        old = await server.ready_worker("old", slots=2)
        running = [await server.running_on(old, *ids) for ids in ((1, 2), (4,), (5,))]
        queued = server.submit()
        old.close()
        new = await server.ready_worker("new", slots=4)
        await server.until(lambda: len(new.submissions) == 4)
        assert [(submit.job_id, submit.generated) for submit in new.submissions] == [
            (running[0].wire_id, [1, 2]),
            (running[1].wire_id, [4]),
            (running[2].wire_id, [5]),
            (queued.wire_id, []),
        ]
        new.say(running[0].wire_id, Started(5, 0), *tokens(3), DONE)
        assert await collect(running[0]) == [STARTED, *tokens(1, 2, 3), DONE]  # the second start is not delivered

    run(test)


@pytest.mark.parametrize("state", [WorkerState.EXITED, WorkerState.FAILED])
def test_jobs_move_when_the_supervisor_reports_their_worker_dead(state: WorkerState) -> None:
    async def test(server: BrokerServer) -> None:
        dying = await server.ready_worker("dying", "smol-0")
        job = await server.running_on(dying, 1)
        other = await server.ready_worker("other", "smol-1")
        other.name = "smol-0"  # so that the roster is about the first replica
        other.publish_roster(state, "signal 11", worker_id="dying")
        await server.until(lambda: other.submissions)
        assert (other.submissions[0].job_id, other.submissions[0].generated) == (job.wire_id, [1])

    run(test)


def test_a_worker_whose_heartbeats_stop_loses_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: BrokerServer) -> None:
        silent = await server.ready_worker("silent", "smol-0")
        job = await server.running_on(silent, 1)
        other = await server.ready_worker("other", "smol-1")
        monkeypatch.setattr("router.jobs.workers.table.HEARTBEAT_TIMEOUT_S", 0.5)
        await server.until(lambda: other.submissions, other.beat)
        assert (other.submissions[0].job_id, other.submissions[0].generated) == (job.wire_id, [1])

    run(test)


def test_late_events_of_a_lost_worker_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: BrokerServer) -> None:
        late = await server.ready_worker("late", "smol-0")
        job = await server.running_on(late, 1)
        late_id = job.wire_id
        other = await server.ready_worker("other", "smol-1", slots=8)
        with monkeypatch.context() as patch:
            patch.setattr("router.jobs.workers.table.HEARTBEAT_TIMEOUT_S", 0.5)
            await server.until(lambda: job.wire_id in other.jobs, other.beat)
        other.say(job.wire_id, Started(4, 0))
        events = late.record(late_id, *tokens(90, 91), DONE)
        late.publish(events)
        late.send(Replayed("late", late_id, True, late.jobs[late_id]))
        late.send(Replayed("late", late_id, False, []))
        await server.until(lambda: Cancel(late_id) in late.received, late.beat)  # the job is gone under this id
        other.say(job.wire_id, *tokens(2), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2), DONE]
        assert len(other.submissions) == 1

    run(test)


def test_a_submission_that_never_arrived_is_sent_again() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        del worker.jobs[job.wire_id]  # as if it had not arrived
        await server.until(lambda: len(worker.submissions) == 2, worker.beat)
        assert worker.submissions[1].job_id == job.wire_id
        worker.say(job.wire_id, STARTED, DONE)
        assert await collect(job) == [STARTED, DONE]

    run(test)


def test_a_late_report_does_not_count_against_a_submission_that_it_cannot_know() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        arrived, worker.jobs, worker.read_up_to = worker.jobs, {}, 0  # it was still reading when it wrote this report
        worker.report()
        await server.until(lambda: worker.of_type(ReportAnswer))
        assert worker.of_type(ReportAnswer) == [ReportAnswer(worker.router_id, 1, {})]
        worker.jobs = arrived
        worker.report()
        worker.say(job.wire_id, STARTED, DONE)
        assert await collect(job) == [STARTED, DONE]
        assert len(worker.submissions) == 1

    run(test)


def test_a_worker_that_comes_back_after_a_silence_is_not_said_to_have_lost_what_it_gets_next() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        for _ in range(3):
            await server.round_trip(worker)
        server.broker._failover.lose(server.broker._workers.all()[0], "its heartbeats stopped")
        worker.report()  # read when the next job is already sent
        job = server.submit()
        await server.until(lambda: job.wire_id in worker.jobs, worker.beat)
        assert job.number == 4
        worker.say(job.wire_id, STARTED, DONE)
        assert await collect(job) == [STARTED, DONE]
        assert job.requeues == 0

    run(test)


def test_a_job_that_is_lost_again_and_again_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.jobs.failover.FIRST_RETRY_S", 0.001)

    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)

        def lose() -> None:
            worker.jobs.clear()  # as if it had not arrived
            worker.beat()

        await server.until(lambda: job.ended, lose)
        (failed,) = await collect(job)
        assert isinstance(failed, Failed)
        assert (failed.status, failed.code) == (500, "job_lost")
        assert failed.message == "this request was lost 6 times on its way to a worker; it is not sent again"
        assert len(worker.submissions) == 1 + MAX_REQUEUES

    run(test)


@pytest.mark.parametrize(("losses", "wait_s"), [(0, 0.0), (1, 0.0), (2, 0.2), (3, 0.4), (5, 1.6)])
def test_the_waits_before_a_lost_job_is_sent_again_double(losses: int, wait_s: float) -> None:
    assert retry_wait_s(losses) == wait_s


def test_a_job_that_its_worker_does_not_know_resumes_after_the_sent_tokens() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.running_on(worker, 1)
        lost = worker.record(job.wire_id, *tokens(2, 3))
        del worker.jobs[job.wire_id]
        worker.publish(lost[1:])  # a gap, but the worker has forgotten what was in it
        await server.until(lambda: len(worker.submissions) == 2)
        assert worker.submissions[1].generated == [1]

    run(test)


def test_a_job_that_returns_to_the_same_worker_is_not_mixed_up_with_its_first_run() -> None:
    """A worker that was only silent for a while is lost, comes back, and gets the same job again."""

    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.running_on(worker, 1, 2)
        first_id = job.wire_id
        server.broker._failover.lose(server.broker._workers.all()[0], "its heartbeats stopped")
        worker.received.clear()
        await server.until(lambda: worker.submissions, worker.beat)
        assert worker.submissions[0].generated == [1, 2]
        worker.say(first_id, *tokens(3, 4))  # events of the first run
        worker.say(job.wire_id, Started(5, 0), *tokens(3), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2, 3), DONE]
        await server.until(lambda: Cancel(first_id) in worker.received, worker.beat)

    run(test)


def test_a_lost_job_is_sent_again_after_its_wait_although_the_timer_was_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.jobs.failover.FIRST_RETRY_S", 0.001)
    ahead = SimpleNamespace(monotonic=lambda: time.monotonic() + 60)
    monkeypatch.setattr("router.jobs.failover.time", ahead)

    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        job.requeues = 1
        server.broker._failover.requeue(job)
        assert job.state is JobState.QUEUED
        await server.until(lambda: job.wire_id in worker.jobs)

    run(test)
