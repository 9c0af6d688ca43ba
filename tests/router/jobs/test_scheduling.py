"""Users, priorities, limits and deadlines, through a real broker and fake workers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from router.jobs.job import Job, JobRequest, JobState
from router.jobs.limits import UNLIMITED, Priority, UserLimits
from router.jobs.refusals import RefusalReason, Refused
from shared.wire.jobs import ImageJob, TextJob
from shared.wire.messages import Cancel
from shared.wire.payloads import Done, Failed
from tests.support.router.broker_server import DONE, STARTED, BrokerServer, collect, run, tokens
from tests.support.workers.worker_end import WorkerEnd


def submit(server: BrokerServer, user: str, **request: Any) -> Job:
    wanted = JobRequest("request", user, "smol", TextJob(prompt="a b c"))
    return server.broker.submit(dataclasses.replace(wanted, **request))


async def fill(server: BrokerServer, worker: WorkerEnd, user: str, count: int) -> list[Job]:
    """Submit jobs of one user; those that get a slot have sent one token."""
    jobs = [submit(server, user) for _ in range(count)]
    taken = [job for job in jobs if job.state is not JobState.QUEUED]
    await server.until(lambda: all(job.wire_id in worker.jobs for job in taken))
    for job in taken[: worker.slots]:
        worker.say(job.wire_id, STARTED, *tokens(1))
    await server.until(lambda: all(job.generated for job in taken[: worker.slots]))
    return jobs


def test_a_user_with_nothing_running_gets_a_slot_at_once_even_if_another_user_has_all() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=4)
        busy = await fill(server, worker, "busy", 20)
        rare = submit(server, "rare")
        await server.until(lambda: rare.wire_id in worker.jobs)
        order = [type(message).__name__ for message in worker.received[-4:]]
        assert order == ["Cancel", "Cancel", "Submit", "Submit"]
        assert worker.submissions[-2].job_id == rare.job_id  # it comes right after the two jobs that were preempted
        kept = [job for job in busy if job.state is JobState.RUNNING]
        assert kept == busy[:3]
        # The preempted job that had a slot resumes from its first token, as the next one of its user.
        assert worker.works[worker.submissions[-1].job_id] == busy[3].request.work
        assert worker.submissions[-1].generated == [1]
        assert busy[3].state is JobState.DISPATCHED

    run(test)


def test_late_events_of_a_preempted_job_are_ignored() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        busy = await fill(server, worker, "busy", 2)
        events = list(worker.jobs[busy[1].wire_id])
        submit(server, "rare")
        await server.until(lambda: busy[1].wire_id != busy[1].job_id and busy[1].wire_id in worker.jobs)
        assert worker.of_type(Cancel) == [Cancel(busy[1].job_id)]
        late = [replace(events[-1], seq=len(events), payload=payload) for payload in (*tokens(9), DONE)]
        worker.publish(late)
        worker.publish([replace(event, seq=seq) for seq, event in enumerate(late)])
        worker.say(busy[1].wire_id, STARTED, *tokens(2), DONE)
        assert await collect(busy[1]) == [STARTED, *tokens(1, 2), DONE]

    run(test)


def test_a_free_slot_is_used_before_the_extra_room_of_a_busy_worker() -> None:
    async def test(server: BrokerServer) -> None:
        one = await server.ready_worker("one", "smol-0", slots=2)
        two = await server.ready_worker("two", "smol-1", slots=4)
        for _ in range(5):
            submit(server, "busy")
        await server.until(lambda: len(one.jobs) + len(two.jobs) == 5)
        rare = submit(server, "rare")
        await server.until(lambda: rare.wire_id in one.jobs or rare.wire_id in two.jobs)
        holder = one if rare.wire_id in one.jobs else two
        assert len(holder.jobs) <= holder.slots
        assert one.of_type(Cancel) == two.of_type(Cancel) == []

    run(test)


def test_a_users_only_job_is_never_preempted_and_batch_work_preempts_nothing() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        for user in "abc":
            await server.submit_to(worker, user)
        assert submit(server, "d").state is JobState.QUEUED
        other = await server.ready_worker("other", "smol-1", slots=2)
        await server.until(lambda: other.submissions)
        await fill(server, other, "d", 2)
        late = submit(server, "night", priority=Priority.BATCH)
        assert late.state is JobState.QUEUED
        assert worker.of_type(Cancel) == other.of_type(Cancel) == []

    run(test)


def test_a_picture_is_not_preempted() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        for _ in range(3):
            submit(server, "busy", work=ImageJob("a cat"))
        await server.until(lambda: len(worker.jobs) == 3)
        assert submit(server, "rare").state is JobState.QUEUED
        worker.say(worker.submissions[0].job_id, STARTED, DONE)
        await server.until(lambda: len(worker.submissions) == 4)
        assert worker.of_type(Cancel) == []

    run(test)


def order(server: BrokerServer, user: str, pictures: int, limits: UserLimits = UNLIMITED) -> list[Job]:
    """Submit an order of some pictures."""
    works = [ImageJob("a cat", seed=seed) for seed in range(pictures)]
    return [submit(server, user, work=work, limits=limits, follows=work.seed > 0) for work in works]


async def finish(server: BrokerServer, worker: WorkerEnd, number: int) -> str:
    """Let a worker finish its job of this number once it has it; returns the job's id."""
    await server.until(lambda: len(worker.submissions) > number)
    job_id: str = worker.submissions[number].job_id
    worker.say(job_id, STARTED, DONE)
    return job_id


async def paint_all(server: BrokerServer, worker: WorkerEnd, jobs: list[Job]) -> list[Job]:
    """Let a worker with one slot finish all jobs; returns them in the order in which it got them."""
    by_id = {job.job_id: job for job in jobs}
    got = [by_id[await finish(server, worker, number)] for number in range(len(jobs))]
    await server.until(lambda: all(job.ended for job in jobs))
    return got


def test_the_picture_of_another_user_comes_after_the_first_of_eight() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=1)
        eight = order(server, "busy", 8)
        (one,) = order(server, "rare", 1)
        assert server.broker.position(one) == 1
        assert await paint_all(server, worker, [*eight, one]) == [eight[0], one, *eight[1:]]

    run(test)


def test_an_order_of_eight_pictures_runs_one_by_one_within_a_limit_of_one() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=1)
        eight = order(server, "busy", 8, UserLimits(max_running=1, max_queued=0))
        assert await paint_all(server, worker, eight) == eight

    run(test)


def test_the_pictures_of_an_order_spread_over_workers() -> None:
    async def test(server: BrokerServer) -> None:
        for number in range(3):
            await server.ready_worker(f"worker {number}", f"smol-{number}", slots=1)
        assert [job.state for job in order(server, "busy", 4)] == [*[JobState.DISPATCHED] * 3, JobState.QUEUED]

    run(test)


def test_an_order_counts_once_against_the_limits_of_waiting_requests() -> None:
    async def test(server: BrokerServer) -> None:
        limits = UserLimits(max_queued=2)
        order(server, "limited", 8, limits)
        order(server, "limited", 8, limits)
        with pytest.raises(Refused, match="limit is queued=2, and 2 of your requests are waiting"):
            submit(server, "limited", limits=limits)
        order(server, "other", 8)
        with pytest.raises(Refused, match="the queue is full with 3 requests"):
            order(server, "other", 1)

    run(test, queue_limit=3)


def test_jobs_beyond_a_users_running_limit_wait_even_if_slots_are_free() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=4)
        limits = UserLimits(max_running=2)
        jobs = [submit(server, "limited", limits=limits) for _ in range(3)]
        await server.submit_to(worker, "other")
        assert [job.state for job in jobs] == [JobState.DISPATCHED, JobState.DISPATCHED, JobState.QUEUED]
        worker.say(jobs[0].wire_id, STARTED, DONE)
        await server.until(lambda: jobs[2].wire_id in worker.jobs)

    run(test)


def test_jobs_beyond_a_users_queue_limit_are_refused_but_not_those_of_others() -> None:
    async def test(server: BrokerServer) -> None:
        limits = UserLimits(max_queued=2)
        for _ in range(2):
            submit(server, "limited", limits=limits)
        with pytest.raises(Refused, match="limit is queued=2, and 2 of your requests are waiting") as refused:
            submit(server, "limited", limits=limits)
        assert refused.value.reason is RefusalReason.USER_QUEUE_FULL
        assert refused.value.retry_after_s is not None
        assert refused.value.retry_after_s >= 1
        assert submit(server, "other").state is JobState.QUEUED

    run(test)


def test_a_user_with_a_queue_limit_of_0_may_still_run_jobs() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        limits = UserLimits(max_running=1, max_queued=0)
        job = submit(server, "limited", limits=limits)
        with pytest.raises(Refused, match="queued=0"):
            submit(server, "limited", limits=limits)
        await server.until(lambda: job.wire_id in worker.jobs)
        worker.say(job.wire_id, STARTED, DONE)
        await server.until(lambda: job.ended)
        assert submit(server, "limited", limits=limits).state is JobState.DISPATCHED

    run(test)


def test_a_job_that_times_out_in_the_queue_ends_with_504() -> None:
    async def test(server: BrokerServer) -> None:
        job = submit(server, "user", timeout_s=0.05)
        (failed,) = await collect(job)
        assert isinstance(failed, Failed)
        assert (failed.status, failed.code, failed.param) == (504, "deadline_exceeded", "timeout")
        assert "`timeout`" in failed.message
        assert "still waiting for smol to be loaded after 0.05 s" in failed.message
        worker = await server.ready_worker()
        after = await server.submit_to(worker)
        assert [submission.job_id for submission in worker.submissions] == [after.job_id]

    run(test)


def test_a_job_that_times_out_while_it_runs_frees_its_slot() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=1)
        job = submit(server, "user", timeout_s=0.3)
        await server.until(lambda: job.wire_id in worker.jobs)
        worker.say(job.wire_id, STARTED, *tokens(1))
        waiting = submit(server, "user")
        *sent, failed = await collect(job)
        assert sent == [STARTED, *tokens(1)]
        assert isinstance(failed, Failed)
        assert (failed.status, "still running after" in failed.message) == (504, True)
        await server.until(lambda: waiting.wire_id in worker.jobs)
        assert Cancel(job.wire_id) in worker.received

    run(test)


def test_a_job_that_is_done_in_time_does_not_time_out() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = submit(server, "user", timeout_s=30.0)
        await server.until(lambda: job.wire_id in worker.jobs)
        worker.say(job.wire_id, STARTED, DONE)
        assert isinstance((await collect(job))[-1], Done)
        assert job.deadline is not None
        assert job.deadline.cancelled()

    run(test)


def test_a_waiting_job_has_a_position() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=1)
        running = await server.submit_to(worker, "a")
        jobs = [submit(server, user) for user in ("a", "a", "b")]
        assert running.queue_position == server.broker.position(running) == 0
        assert [job.queue_position for job in jobs] == [1, 2, 1]
        assert [server.broker.position(job) for job in jobs] == [2, 3, 1]

    run(test)
