"""Jobs that need no slot: sent beside those that generate, within limits of their own, and not lost with a worker."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from router.jobs.job import Job, JobRequest, JobState
from router.jobs.limits import UNLIMITED, UserLimits
from router.jobs.refusals import RefusalReason, Refused
from router.jobs.workers.worker import MAX_SLOTLESS
from shared.wire.jobs import TextJob, TokenizeJob
from shared.wire.messages import Cancel
from shared.wire.payloads import Done, FinishReason, Started, Tokenized
from tests.support.router.broker_server import STARTED, BrokerServer, collect, run, tokens
from tests.support.workers.worker_end import WorkerEnd

ANSWER = (Started(0, 0), Tokenized(3, 2048), Done(FinishReason.STOP, 0, 0, 0, 0.0))


def ask(server: BrokerServer, user: str = "user", **request: Any) -> Job:
    wanted = JobRequest("request", user, "smol", TokenizeJob(TextJob(prompt="a b c")))
    return server.broker.submit(dataclasses.replace(wanted, **request))


async def filled(server: BrokerServer) -> tuple[WorkerEnd, list[Job]]:
    """A worker without any room for further jobs that generate."""
    worker = await server.ready_worker(slots=2)
    jobs = [server.submit() for _ in range(8)]
    await server.until(lambda: len(worker.jobs) == 3)
    return worker, jobs


def test_one_is_answered_while_all_slots_are_taken_and_others_wait() -> None:
    async def test(server: BrokerServer) -> None:
        worker, generating = await filled(server)
        job = ask(server)
        await server.until(lambda: job.wire_id in worker.jobs)
        worker.say(job.wire_id, *ANSWER)
        assert await collect(job) == list(ANSWER)
        assert worker.of_type(Cancel) == []  # nobody lost a slot for it
        assert [job.state for job in generating] == [JobState.DISPATCHED] * 3 + [JobState.QUEUED] * 5

    run(test)


def test_they_take_no_slot_from_jobs_that_generate() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        for _ in range(MAX_SLOTLESS):
            ask(server)
        jobs = [server.submit() for _ in range(3)]
        await server.until(lambda: all(job.wire_id in worker.jobs for job in jobs))

    run(test)


def test_a_worker_has_only_some_of_them_at_a_time_and_gets_the_next_when_one_ends() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        jobs = [ask(server) for _ in range(MAX_SLOTLESS + 1)]
        assert [job.state for job in jobs] == [JobState.DISPATCHED] * MAX_SLOTLESS + [JobState.QUEUED]
        assert server.broker.position(jobs[-1]) == 1
        await server.until(lambda: jobs[0].wire_id in worker.jobs)
        worker.say(jobs[0].wire_id, *ANSWER)
        await server.until(lambda: jobs[-1].wire_id in worker.jobs)

    run(test)


def test_users_take_turns() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        many = [ask(server, "many") for _ in range(MAX_SLOTLESS + 3)]
        one = ask(server, "one")
        await server.until(lambda: many[0].wire_id in worker.jobs)
        worker.say(many[0].wire_id, *ANSWER)
        await server.until(lambda: one.wire_id in worker.jobs)
        assert many[MAX_SLOTLESS].state is JobState.QUEUED

    run(test)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(UNLIMITED, RefusalReason.QUEUE_FULL), (UserLimits(max_queued=2), RefusalReason.USER_QUEUE_FULL)],
)
def test_a_limit_of_waiting_requests_holds_for_them_apart(limits: UserLimits, reason: RefusalReason) -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        generating = [server.submit() for _ in range(5)]
        await server.until(lambda: len(worker.jobs) == 3)
        assert [job.state for job in generating[3:]] == [JobState.QUEUED] * 2  # as many as may wait
        for _ in range(MAX_SLOTLESS + 2):
            ask(server, limits=limits)
        with pytest.raises(Refused, match="2") as caught:
            ask(server, limits=limits)
        assert caught.value.reason is reason

    run(test, queue_limit=3 if limits.max_queued else 2)


def test_a_limit_of_one_running_job_allows_one_of_each_sort() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        limits = UserLimits(max_running=1)
        generating = server.broker.submit(JobRequest("request", "user", "smol", TextJob(prompt="a"), limits=limits))
        first, second = (ask(server, limits=limits) for _ in range(2))
        await server.until(lambda: first.wire_id in worker.jobs and generating.wire_id in worker.jobs)
        assert second.state is JobState.QUEUED
        worker.say(first.wire_id, *ANSWER)
        await server.until(lambda: second.wire_id in worker.jobs)

    run(test)


def test_another_worker_answers_if_one_dies() -> None:
    async def test(server: BrokerServer) -> None:
        first = await server.ready_worker()
        job = ask(server)
        await server.until(lambda: job.wire_id in first.jobs)
        first.close()
        second = await server.ready_worker("restarted")
        await server.until(lambda: job.wire_id in second.jobs)
        second.say(job.wire_id, *ANSWER)
        assert await collect(job) == list(ANSWER)

    run(test)


def test_one_that_kills_workers_fails_alone() -> None:
    async def test(server: BrokerServer) -> None:
        workers = [await server.ready_worker("life 1")]
        killer, generating = ask(server), await server.running_on(workers[0], 1)
        while not killer.ended:
            await server.until(lambda: {killer.wire_id, generating.wire_id} & set(workers[-1].jobs))
            if killer.wire_id in workers[-1].jobs:
                workers[-1].close()
                workers.append(await server.ready_worker(f"life {len(workers) + 1}"))
            else:
                workers[-1].say(generating.wire_id, STARTED, *tokens(2))
                await server.until(lambda: killer.wire_id in workers[-1].jobs)
        assert killer.failed is not None
        assert (killer.failed.status, killer.failed.code) == (500, "worker_died")
        assert len(workers) <= 5
        assert not generating.ended

    run(test)


def test_the_count_of_waiting_jobs_has_both_sorts() -> None:
    async def test(server: BrokerServer) -> None:
        await filled(server)
        for _ in range(MAX_SLOTLESS + 2):
            ask(server)
        assert server.broker.queue_lengths() == {"smol": 5 + 2}

    run(test)


def test_they_are_not_counted_as_a_users_running_jobs_where_slots_are_shared_out() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        busy = [await server.submit_to(worker, "busy") for _ in range(2)]
        for job in busy:
            worker.say(job.wire_id, STARTED, *tokens(1))
        ask(server, "rare")
        rare = server.submit("rare")
        await server.until(lambda: rare.wire_id in worker.jobs)
        assert worker.of_type(Cancel) == [Cancel(busy[1].job_id)]

    run(test)
