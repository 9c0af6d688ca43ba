"""Refused jobs: the reasons, the time to try again, and that they leave no trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.jobs.admission import Admission
from router.jobs.dispatch import Dispatcher
from router.jobs.fairness.queue import FairQueue
from router.jobs.job import Job, JobRequest, JobState
from router.jobs.limits import UserLimits
from router.jobs.refusals import RefusalReason, Refused
from router.jobs.workers.link import RouterLink
from router.jobs.workers.table import WorkerTable
from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.jobs import TextJob
from shared.wire.messages import Cancel
from shared.wire.supervision import WorkerState
from shared.wire.transport import Endpoints
from tests.support.router.broker_server import DONE, STARTED, BrokerServer, run, tokens

LIMIT = 16
SMOL = ModelSettings(name="smol", kinds=(JobKind.TEXT,), engine="echo", path="")


def job_of(user: str, **request: Any) -> Job:
    wanted = JobRequest("request", user, "smol", TextJob(prompt="", max_tokens=50))
    return Job(f"job of {user}", dataclasses.replace(wanted, **request))


@pytest.fixture
def dispatcher() -> Dispatcher:
    """A dispatcher without workers: whatever is added stays queued."""
    link = RouterLink("router", Endpoints.in_folder(Path("/nowhere")))
    return Dispatcher([SMOL], "router", link, WorkerTable())


@pytest.fixture
def admission(dispatcher: Dispatcher) -> Admission:
    return Admission(WorkerTable(), dispatcher, LIMIT, user_limit=LIMIT)


def admit(admission: Admission, dispatcher: Dispatcher, job: Job) -> None:
    job.reserved = admission.check(job)
    dispatcher.add(job)


def measure(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, cost: float) -> None:
    """Make the model complete this cost in its first second."""
    monkeypatch.setattr("router.jobs.retry_after.time.monotonic", lambda: 100.0)
    line = dispatcher.lines.of(job_of("user").request)
    line.rate.resume()
    monkeypatch.setattr("router.jobs.retry_after.time.monotonic", lambda: 101.0)
    line.rate.add(cost)


def test_a_full_queue_has_extra_places_for_users_with_nothing_queued(
    admission: Admission, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(dispatcher, monkeypatch, cost=10)
    for _ in range(LIMIT):
        admit(admission, dispatcher, job_of("busy"))
    with pytest.raises(Refused, match="the queue is full with 16 requests") as refused:
        admission.check(job_of("busy"))
    assert (refused.value.reason, refused.value.retry_after_s) == (RefusalReason.QUEUE_FULL, 160)
    for user in ("one", "two"):
        admit(admission, dispatcher, job_of(user))
    with pytest.raises(Refused, match="with 18 requests"):
        admission.check(job_of("three"))


def test_one_network_gets_a_quarter_of_the_reserved_places_whatever_its_users_are_called(
    dispatcher: Dispatcher,
) -> None:
    admission = Admission(WorkerTable(), dispatcher, queue_limit=64, user_limit=64)
    for _ in range(64):
        admit(admission, dispatcher, job_of("busy"))
    names = [job_of(f"name {number}", network="192.0.2.1") for number in range(3)]
    admit(admission, dispatcher, names[0])
    admit(admission, dispatcher, names[1])
    with pytest.raises(Refused, match="the queue is full with 66 requests"):
        admission.check(names[2])
    admit(admission, dispatcher, job_of("elsewhere", network="192.0.2.2"))
    dispatcher.take_out(names[0], done=False)
    admit(admission, dispatcher, names[2])


def test_a_user_without_a_limit_has_that_of_all_users(
    admission: Admission, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(dispatcher, monkeypatch, cost=10)
    admission = Admission(WorkerTable(), dispatcher, LIMIT, user_limit=3)
    for _ in range(3):
        admit(admission, dispatcher, job_of("busy"))
    message = (
        r"the limit of one user's waiting requests is 3 \(--user-queue-limit\), and 3 of yours are waiting; "
        "try again in about 40 s"
    )
    with pytest.raises(Refused, match=message) as refused:
        admission.check(job_of("busy"))
    assert (refused.value.reason, refused.value.retry_after_s) == (RefusalReason.USER_QUEUE_FULL, 40)
    admission.check(job_of("other"))
    admission.check(job_of("busy", follows=True))
    admission.check(job_of("busy", limits=UserLimits(max_queued=4)))  # a key's own limit replaces it


def test_the_time_to_try_again_is_what_the_users_share_of_the_queue_takes(
    admission: Admission, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(dispatcher, monkeypatch, cost=10)
    limits = UserLimits(max_queued=2)
    for _ in range(2):
        admit(admission, dispatcher, job_of("limited", limits=limits))
    admit(admission, dispatcher, job_of("other"))
    with pytest.raises(Refused, match="limit is queued=2, and 2 of your requests are waiting") as refused:
        admission.check(job_of("limited", limits=limits))
    assert refused.value.reason is RefusalReason.USER_QUEUE_FULL
    assert refused.value.retry_after_s == 3 * 100 / 10 * 2  # the new job counts too, and two users take turns


class Trace:
    """Every job that was ever queued and every message that was sent to a worker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queued: list[Job] = []
        self.sent: list[Any] = []
        push: Callable[[FairQueue, Job], None] = FairQueue.push
        send: Callable[..., bool] = RouterLink.send

        def note_push(queue: FairQueue, job: Job) -> None:
            self.queued.append(job)
            push(queue, job)

        def note_send(link: RouterLink, worker_id: str, message: Any, *blobs: Any) -> bool:
            self.sent.append(message)
            return send(link, worker_id, message, *blobs)

        monkeypatch.setattr(FairQueue, "push", note_push)
        monkeypatch.setattr(RouterLink, "send", note_send)


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch) -> Trace:
    return Trace(monkeypatch)


def assert_refused_without_trace(
    server: BrokerServer, trace: Trace, request: JobRequest, reason: RefusalReason
) -> None:
    dispatcher = server.broker._dispatcher
    line = dispatcher.lines.of(request)
    queue = line.queue

    def state() -> Any:
        counters = [dict(users._counters) for users in queue._users.values()]
        tally = line.tally.queued(request.user), line.tally.running(request.user)
        return list(queue), dict(dispatcher.jobs), counters, dict(queue._priorities._counters), tally

    before, queued, sent = state(), list(trace.queued), list(trace.sent)
    with pytest.raises(Refused) as refused:
        server.broker.submit(request)
    assert refused.value.reason is reason
    assert state() == before
    assert (trace.queued, trace.sent) == (queued, sent)


def test_a_job_refused_by_its_users_limit_is_never_queued_dispatched_or_charged(trace: Trace) -> None:
    async def test(server: BrokerServer) -> None:
        await server.ready_worker(slots=2)
        limited = job_of("limited", limits=UserLimits(max_queued=1)).request
        for _ in range(4):
            server.submit("busy")
        server.broker.submit(limited)  # gets a slot
        assert server.broker.submit(limited).state is JobState.QUEUED
        assert_refused_without_trace(server, trace, limited, RefusalReason.USER_QUEUE_FULL)

    run(test)


def test_a_job_refused_by_its_users_limit_does_not_lift_the_counter_of_its_user(trace: Trace) -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        for user in ("a", "b", "c", "a"):
            server.submit(user)
        nothing = job_of("limited", limits=UserLimits(max_queued=0)).request
        assert_refused_without_trace(server, trace, nothing, RefusalReason.USER_QUEUE_FULL)
        assert worker.of_type(Cancel) == []

    run(test)


def test_a_job_refused_by_the_full_queue_is_never_queued_or_dispatched(trace: Trace) -> None:
    async def test(server: BrokerServer) -> None:
        server.submit()
        request = job_of("user").request
        assert_refused_without_trace(server, trace, request, RefusalReason.QUEUE_FULL)

    run(test, queue_limit=1)


def test_a_job_that_no_worker_can_ever_serve_is_never_queued(trace: Trace) -> None:
    async def test(server: BrokerServer) -> None:
        worker = server.new_worker()
        waiting = server.submit()
        await server.until(lambda: waiting.ended, lambda: worker.publish_roster(WorkerState.FAILED, "damaged"))
        assert_refused_without_trace(server, trace, job_of("user").request, RefusalReason.NO_WORKER)

    run(test)


def test_a_user_with_a_queue_limit_of_0_may_run_a_job_that_starts_by_preemption() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        busy = [server.submit("busy") for _ in range(2)]
        await server.until(lambda: all(job.wire_id in worker.jobs for job in busy))
        worker.say(busy[0].wire_id, STARTED, *tokens(1))
        limits = UserLimits(max_queued=0)
        job = server.broker.submit(job_of("limited", limits=limits).request)
        assert job.state is JobState.DISPATCHED
        await server.until(lambda: job.wire_id in worker.jobs)
        assert len(worker.of_type(Cancel)) == 1
        with pytest.raises(Refused, match="queued=0, and 0 of your requests are waiting"):
            server.broker.submit(job_of("limited", limits=limits).request)
        for submission in list(worker.submissions):
            if submission.job_id in worker.jobs:
                worker.say(submission.job_id, STARTED, DONE)
        await server.until(lambda: job.ended)
        assert server.broker.submit(job_of("limited", limits=limits).request).state is JobState.DISPATCHED

    run(test)
