"""The life of a job in the broker, from its acceptance to its end."""

from __future__ import annotations

import asyncio

import pytest

from router.jobs.job import JobRequest, JobState
from router.jobs.refusals import RefusalReason, Refused, no_worker
from router.jobs.workers.link import RouterLink
from router.schemas.errors import ApiError
from shared.kinds import JobKind
from shared.wire.jobs import ImageJob, Sampling, TextJob
from shared.wire.messages import Acknowledge, Cancel
from shared.wire.payloads import Failed, Started, Tokens
from shared.wire.supervision import WorkerState
from shared.wire.work import PackedWork
from tests.support.router.broker_server import DONE, SMOL, STARTED, BrokerServer, collect, run, serving, tokens
from tests.support.workers.worker_end import WorkerEnd


def test_a_job_goes_to_a_worker_and_its_events_to_the_client() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        submission = worker.submissions[0]
        assert (submission.job_id, submission.generated) == (job.wire_id, [])
        assert worker.works[job.wire_id] == job.request.work
        worker.say(job.wire_id, STARTED, *tokens(1, 2))
        worker.say(job.wire_id, DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2), DONE]
        assert job.state is JobState.DONE
        await server.until(lambda: Acknowledge([job.wire_id]) in worker.received)

    run(test)


def test_a_full_queue_is_refused_with_the_time_to_try_again() -> None:
    async def test(server: BrokerServer) -> None:
        for _ in range(3):
            server.submit()
        with pytest.raises(Refused, match="the queue is full with 3 requests") as refused:
            server.submit()
        assert refused.value.reason is RefusalReason.QUEUE_FULL
        assert refused.value.retry_after_s is not None
        assert refused.value.retry_after_s >= 1

    run(test, queue_limit=3)


def test_dispatched_jobs_do_not_count_as_queued() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        for _ in range(3):
            await server.submit_to(worker)
        server.submit()
        with pytest.raises(Refused):
            server.submit()
        worker.say(worker.submissions[0].job_id, STARTED, DONE)
        await server.until(lambda: len(worker.submissions) == 4)
        server.submit()

    run(test, queue_limit=1)


def test_an_unknown_model_is_refused_with_the_served_ones() -> None:
    async def test(server: BrokerServer) -> None:
        with pytest.raises(Refused, match=r"model: expected one of smol \(text\); got 'large'") as refused:
            server.broker.find_model("large", JobKind.TEXT)
        assert refused.value.reason is RefusalReason.MODEL_NOT_FOUND
        with pytest.raises(
            Refused,
            match=r"needs a model of kind image, and none is served; .*`nexa server smol sd1-5` would add one",
        ) as refused:
            server.broker.find_model(None, JobKind.IMAGE)
        assert refused.value.reason is RefusalReason.MODEL_NOT_FOUND
        assert server.broker.find_model("small", JobKind.TEXT) is SMOL
        assert server.broker.find_model(None, JobKind.TEXT) is SMOL

    run(test)


def test_jobs_of_a_model_whose_workers_were_given_up_fail_at_once_with_the_reason() -> None:
    async def test(server: BrokerServer) -> None:
        waiting = server.submit()
        worker = server.new_worker()
        await server.until(
            lambda: waiting.ended, lambda: worker.publish_roster(WorkerState.FAILED, "the file is damaged")
        )
        (failed,) = await collect(waiting)
        assert isinstance(failed, Failed)
        assert (failed.status, failed.code) == (503, "no_worker")
        assert "the file is damaged" in failed.message
        with pytest.raises(Refused, match="the file is damaged") as refused:
            server.submit()
        assert refused.value.reason is RefusalReason.NO_WORKER

    run(test)


def test_cancelling_a_running_job_frees_its_room_for_the_next_one() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        running = await server.running_on(worker, 1)
        for _ in range(2):
            await server.submit_to(worker)
        queued = server.submit()
        server.broker.cancel(running)
        await server.until(lambda: queued.wire_id in worker.jobs)
        assert worker.of_type(Cancel) == [Cancel(running.wire_id)]
        assert running.state is JobState.CANCELLED
        assert (await collect(running))[-1] == Tokens("<1>", [1])

    run(test)


def test_a_worker_that_still_computes_a_cancelled_picture_gets_no_other_job() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=1)
        picture = server.broker.submit(JobRequest("request", "user", "smol", ImageJob("a cat"), (b"input",)))
        await server.until(lambda: picture.wire_id in worker.jobs)
        worker.say(picture.wire_id, Started(0, 0))
        await server.until(lambda: picture.state is JobState.RUNNING)
        server.broker.cancel(picture)
        waiting = server.submit()
        await server.until(lambda: Cancel(picture.wire_id) in worker.received)
        worker.beat(running=1)
        assert waiting.state is JobState.QUEUED
        await server.until(lambda: waiting.wire_id in worker.jobs, worker.beat)

    run(test)


def test_a_job_cancelled_in_the_queue_is_never_sent() -> None:
    async def test(server: BrokerServer) -> None:
        gone, stays = server.submit(), server.submit()
        server.broker.cancel(gone)
        worker = await server.ready_worker()
        await server.until(lambda: stays.wire_id in worker.jobs)
        assert [submit.job_id for submit in worker.submissions] == [stays.wire_id]
        assert worker.of_type(Cancel) == []

    run(test)


def test_cancelling_an_ended_job_does_nothing() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        worker.say(job.wire_id, STARTED, DONE)
        await server.until(lambda: job.ended)
        server.broker.cancel(job)
        await server.round_trip(worker)
        assert job.state is JobState.DONE
        assert worker.of_type(Cancel) == []

    run(test)


def test_a_job_that_only_its_worker_knows_is_cancelled_there() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        worker.jobs["of an earlier time"] = []
        await server.until(lambda: Cancel("of an earlier time") in worker.received, worker.beat)

    run(test)


def test_many_jobs_of_one_user_do_not_delay_another_users_single_job() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=2)
        for number in range(3):
            await server.submit_to(worker, user=f"fills {number}")
        for _ in range(10):
            server.submit("busy")
        rare = server.submit("rare")
        for submission in list(worker.submissions):
            worker.say(submission.job_id, STARTED, DONE)
        await server.until(lambda: len(worker.submissions) == 6)
        assert rare.wire_id in [submit.job_id for submit in worker.submissions]

    run(test)


def test_a_conversation_returns_to_the_worker_that_holds_its_prefix() -> None:
    async def test(server: BrokerServer) -> None:
        workers = [await server.ready_worker("a", "smol-0", 4), await server.ready_worker("b", "smol-1", 4)]
        beginning = "once upon a time " * 40

        async def place_of(prompt: str) -> WorkerEnd:
            job = server.submit(prompt=prompt)
            await server.until(lambda: any(job.wire_id in worker.jobs for worker in workers))
            return next(worker for worker in workers if job.wire_id in worker.jobs)

        holder = await place_of(beginning)
        assert await place_of("something else") is not holder
        assert [await place_of(beginning + str(turn)) for turn in range(3)] == [holder] * 3

    run(test)


def test_stopping_cancels_running_jobs() -> None:
    async def test() -> None:
        async with serving() as server:
            worker = await server.ready_worker()
            job = await server.running_on(worker, 1)
            reader = asyncio.ensure_future(collect(job))
        assert await reader == [STARTED, *tokens(1)]
        assert job.state is JobState.CANCELLED

    asyncio.run(test())


def test_a_job_too_large_for_a_worker_is_refused_and_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.wire.work.MAX_WORK_BYTES", 400)

    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        with pytest.raises(Refused, match=r"^body: expected a request of up to 400 bytes, got \d+$") as refusal:
            server.submit(prompt="x" * 400)
        assert ApiError.from_refusal(refusal.value).status == 413
        monkeypatch.setattr("router.jobs.broker.MAX_BLOB_BYTES", 5)
        with pytest.raises(Refused, match=r"^file: expected up to 5 bytes, got 6$"):
            server.broker.submit(JobRequest("request", "user", "smol", TextJob(prompt=""), (b"12345", b"123456")))
        job = await server.submit_to(worker)
        assert [submit.job_id for submit in worker.submissions] == [job.wire_id]
        assert list(server.broker._dispatcher.jobs) == [job.wire_id]

    run(test)


def test_choices_that_share_a_prompt_have_their_own_seeds() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=4)
        works = [TextJob(prompt="a", sampling=Sampling(seed=seed)) for seed in (1, 2, 3)]
        packed = PackedWork(works[0])
        for work in works:
            server.broker.submit(JobRequest("request", "user", "smol", work, packed=packed))
        await server.until(lambda: len(worker.works) == 3)
        assert list(worker.works.values()) == works

    run(test)


def test_a_check_that_fails_does_not_end_those_to_come(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    def fail_once(_: RouterLink) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise LookupError("a defect")

    monkeypatch.setattr(RouterLink, "keep_bound", fail_once)
    monkeypatch.setattr("router.jobs.broker.TICK_S", 0.001)

    async def test(server: BrokerServer) -> None:
        await server.until(lambda: calls > 1)

    run(test)
    assert caplog.text.count("LookupError: a defect") == 1


def test_jobs_that_wait_for_a_model_that_is_gone_fail() -> None:
    async def test(server: BrokerServer) -> None:
        waiting = server.submit()
        server.broker.set_models(())
        await server.until(lambda: waiting.ended)
        assert waiting.failed is not None
        assert waiting.failed.status == 503
        assert waiting.failed.message.endswith("it is not served any more: its files are gone")

    run(test)


def test_jobs_of_a_model_that_is_gone_end_at_the_worker_that_it_has() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker(slots=1)
        running = await server.submit_to(worker)
        waiting = server.submit()
        server.broker.set_models(())
        worker.say(running.wire_id, STARTED, DONE)
        await server.until(lambda: waiting.wire_id in worker.jobs)
        assert running.state is JobState.DONE

    run(test)


def test_a_refusal_names_its_model_once() -> None:
    refused = no_worker("tiny", "tiny: needs about 900 MB, and the budget is cpu 50 MB")
    assert str(refused) == "model: no worker can serve 'tiny': needs about 900 MB, and the budget is cpu 50 MB"
    assert str(no_worker("tiny", "it has just exited")) == "model: no worker can serve 'tiny': it has just exited"
