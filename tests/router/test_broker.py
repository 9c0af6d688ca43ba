from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worker_end import WorkerEnd

from router.errors import ApiError
from router.jobs.broker import Broker
from router.jobs.job import Job, JobRequest, JobState
from shared.jobs import Done, Failed, FinishReason, ImageJob, JobKind, Payload, Started, TextJob, Tokens
from shared.messages import Acknowledge, Cancel, Probe, Replay, Replayed, WorkerState
from shared.settings import ModelSettings, ServerSettings
from shared.transport import Endpoints

PATIENCE_S = 20.0
STARTED = Started(3, 0)
DONE = Done(FinishReason.STOP, 3, 0, 3, 0.1)
SMOL = ModelSettings("smol", JobKind.TEXT, "echo", "", aliases=("small",))


def tokens(*ids: int) -> list[Payload]:
    return [Tokens(f"<{token}>", [token]) for token in ids]


class Server:
    """A broker and the workers that a test makes."""

    def __init__(self, folder: Path, queue_limit: int) -> None:
        self.settings = ServerSettings((SMOL,), str(folder), queue_limit=queue_limit)
        self.broker = Broker(self.settings)
        self.workers: list[WorkerEnd] = []

    def new_worker(self, worker_id: str = "worker", name: str = "smol-0", slots: int = 2) -> WorkerEnd:
        """A worker that the router does not know yet."""
        worker = WorkerEnd(Endpoints.in_folder(Path(self.settings.run_folder)), worker_id, name, slots)
        self.workers.append(worker)
        return worker

    async def ready_worker(self, worker_id: str = "worker", name: str = "smol-0", slots: int = 2) -> WorkerEnd:
        """A worker that the router has confirmed."""
        worker = self.new_worker(worker_id, name, slots)
        await self.until(lambda: worker.confirmed, worker.beat)
        return worker

    def submit(self, user: str = "user", prompt: str = "a b c") -> Job:
        return self.broker.submit(JobRequest("request", user, "smol", TextJob(prompt=prompt)))

    async def submit_to(self, worker: WorkerEnd, user: str = "user") -> Job:
        """Submit a job and see it arrive."""
        job = self.submit(user)
        await self.until(lambda: job.wire_id in worker.jobs)
        return job

    async def running_on(self, worker: WorkerEnd, *ids: int) -> Job:
        """A job of which the worker has sent these tokens."""
        job = await self.submit_to(worker)
        worker.say(job.wire_id, STARTED, *tokens(*ids))
        await self.until(lambda: job.generated == list(ids))
        return job

    async def until(self, condition: Callable[[], Any], meanwhile: Callable[[], None] | None = None) -> None:
        """Wait for a condition; ``meanwhile`` is done again and again."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, "what was waited for did not happen"
            if meanwhile is not None:
                meanwhile()
            await asyncio.sleep(0.005)

    async def round_trip(self, worker: WorkerEnd) -> None:
        """Wait until the router has dealt with everything that this worker has published."""
        job = await self.submit_to(worker, user="round trip")
        worker.say(job.wire_id, Failed(400, "seen"))
        await self.until(lambda: job.ended)


@asynccontextmanager
async def serving(queue_limit: int = 100) -> AsyncIterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="nx"))  # pytest's folders are too long for Unix sockets
    server = Server(folder, queue_limit)
    await server.broker.start()
    try:
        yield server
    finally:
        await server.broker.stop()
        for worker in server.workers:
            worker.close()
        shutil.rmtree(folder)


def run(test: Callable[[Server], Awaitable[None]], queue_limit: int = 100) -> None:
    async def in_server() -> None:
        async with serving(queue_limit) as server:
            await test(server)

    asyncio.run(in_server())


async def collect(job: Job) -> list[Payload]:
    """Everything that a client is sent, up to the end."""
    payloads: list[Payload] = []
    while new := await asyncio.wait_for(job.next_payloads(), PATIENCE_S):
        payloads += new
    return payloads


@pytest.fixture
def asks_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.jobs.broker.REPLAY_AGAIN_S", 0.01)


def test_a_job_goes_to_a_worker_and_its_events_to_the_client() -> None:
    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        submission = worker.submissions[0]
        assert (submission.job_id, submission.work, submission.generated) == (job.wire_id, job.request.work, [])
        worker.say(job.wire_id, STARTED, *tokens(1, 2))
        worker.say(job.wire_id, DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2), DONE]
        assert job.state is JobState.DONE
        await server.until(lambda: Acknowledge([job.wire_id]) in worker.received)

    run(test)


def test_no_job_is_sent_before_the_probe_has_come_back() -> None:
    async def test(server: Server) -> None:
        worker = server.new_worker()
        worker.answers_probes = False
        job = server.submit()
        await server.until(lambda: len(worker.of_type(Probe)) >= 2, worker.beat)
        assert worker.submissions == []
        assert not worker.confirmed
        worker.echo(worker.of_type(Probe)[-1].nonce + 1)
        worker.answers_probes = True
        await server.until(lambda: worker.submissions, worker.beat)
        assert worker.submissions[0].job_id == job.wire_id
        order = [type(message).__name__ for message in worker.received if not isinstance(message, Probe)]
        assert order[:2] == ["Confirm", "Submit"]

    run(test)


def test_a_worker_that_still_loads_is_not_probed() -> None:
    async def test(server: Server) -> None:
        loading = server.new_worker("loading", "smol-0")
        loading.state = WorkerState.LOADING
        await server.until(lambda: any(view.state == "loading" for view in server.broker.workers()), loading.beat)
        await server.ready_worker("ready", "smol-1")
        assert loading.received == []

    run(test)


def test_events_lost_in_the_middle_are_asked_for_and_come_in_order() -> None:
    async def test(server: Server) -> None:
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
    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        job = await server.running_on(worker, 1)
        worker.record(job.wire_id, *tokens(2), DONE)  # lost
        worker.beat()
        assert await collect(job) == [STARTED, *tokens(1, 2), DONE]
        assert worker.of_type(Replay) == [Replay(job.wire_id, 2)]

    run(test)


def test_a_lost_replay_is_asked_for_again(asks_again_at_once: None) -> None:
    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        worker.answers_replays = False
        job = await server.running_on(worker, 1)
        worker.record(job.wire_id, DONE)  # lost
        await server.until(lambda: len(worker.of_type(Replay)) >= 2, worker.beat)
        worker.answers_replays = True
        await server.until(lambda: job.ended, worker.beat)
        assert await collect(job) == [STARTED, *tokens(1), DONE]

    run(test)


@pytest.mark.usefixtures("asks_again_at_once")
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 6), st.data())
def test_whatever_the_bus_drops_repeats_or_reorders_the_client_gets_all_once_and_in_order(
    count: int, data: st.DataObject
) -> None:
    payloads: list[Payload] = [STARTED, *tokens(*range(count)), DONE]
    arrivals = data.draw(st.lists(st.integers(0, len(payloads) - 1), max_size=2 * len(payloads)))

    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        events = worker.record(job.wire_id, *payloads)
        for seq in arrivals:
            worker.publish([events[seq]])
        await server.until(lambda: job.ended, worker.beat)
        assert await collect(job) == payloads
        assert job.generated == list(range(count))

    run(test)


def test_a_replaced_workers_jobs_go_on_where_they_were_on_the_new_one() -> None:
    async def test(server: Server) -> None:
        old = await server.ready_worker("old", slots=2)
        running = await server.running_on(old, 1, 2)
        dispatched = [await server.submit_to(old) for _ in range(2)]
        queued = server.submit()
        old.close()
        new = await server.ready_worker("new", slots=4)
        await server.until(lambda: len(new.submissions) == 4)
        assert {submit.job_id: submit.generated for submit in new.submissions} == {
            running.wire_id: [1, 2],
            dispatched[0].wire_id: [],
            dispatched[1].wire_id: [],
            queued.wire_id: [],
        }
        new.say(running.wire_id, Started(5, 0), *tokens(3), DONE)
        assert await collect(running) == [STARTED, *tokens(1, 2, 3), DONE]  # the second start is not told

    run(test)


def test_jobs_of_a_dead_worker_come_before_those_that_waited_and_in_their_order() -> None:
    async def test(server: Server) -> None:
        old = await server.ready_worker("old", slots=2)
        jobs = [await server.submit_to(old) for _ in range(3)] + [server.submit()]
        old.close()
        new = await server.ready_worker("new", slots=4)
        await server.until(lambda: len(new.submissions) == 4)
        assert [submit.job_id for submit in new.submissions] == [job.wire_id for job in jobs]

    run(test)


@pytest.mark.parametrize("state", [WorkerState.EXITED, WorkerState.FAILED])
def test_the_supervisors_word_that_a_worker_died_moves_its_jobs(state: WorkerState) -> None:
    async def test(server: Server) -> None:
        dying = await server.ready_worker("dying", "smol-0")
        job = await server.running_on(dying, 1)
        other = await server.ready_worker("other", "smol-1")
        other.name = "smol-0"  # the roster is about the first place
        other.publish_roster(state, "signal 11", worker_id="dying")
        await server.until(lambda: other.submissions)
        assert (other.submissions[0].job_id, other.submissions[0].generated) == (job.wire_id, [1])

    run(test)


def test_a_worker_whose_heartbeats_stop_loses_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: Server) -> None:
        silent = await server.ready_worker("silent", "smol-0")
        job = await server.running_on(silent, 1)
        other = await server.ready_worker("other", "smol-1")
        monkeypatch.setattr("router.jobs.workers.HEARTBEAT_TIMEOUT_S", 0.5)
        await server.until(lambda: other.submissions, other.beat)
        assert (other.submissions[0].job_id, other.submissions[0].generated) == (job.wire_id, [1])

    run(test)


def test_what_a_lost_worker_still_says_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: Server) -> None:
        late = await server.ready_worker("late", "smol-0")
        job = await server.running_on(late, 1)
        late_id = job.wire_id
        other = await server.ready_worker("other", "smol-1", slots=8)
        with monkeypatch.context() as patch:
            patch.setattr("router.jobs.workers.HEARTBEAT_TIMEOUT_S", 0.5)
            await server.until(lambda: job.wire_id in other.jobs, other.beat)
        other.say(job.wire_id, Started(4, 0))
        events = late.record(late_id, *tokens(90, 91), DONE)
        late.publish(events)
        late.send(Replayed("late", late_id, True, late.jobs[late_id]))
        late.send(Replayed("late", late_id, False, []))
        await server.until(lambda: Cancel(late_id) in late.received, late.beat)  # it knows this job no more
        other.say(job.wire_id, *tokens(2), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2), DONE]
        assert len(other.submissions) == 1

    run(test)


def test_a_job_that_was_running_in_two_crashes_fails_and_the_others_live_on() -> None:
    async def test(server: Server) -> None:
        first = await server.ready_worker("first")
        poison = await server.running_on(first, 1)
        innocent = await server.submit_to(first)
        second = await server.ready_worker("second")
        await server.until(lambda: len(second.jobs) == 2)
        second.say(poison.wire_id, STARTED, *tokens(2))
        await server.until(lambda: poison.generated == [1, 2])
        third = await server.ready_worker("third")
        await server.until(lambda: third.submissions)
        *sent, failed = await collect(poison)
        assert sent == [STARTED, *tokens(1, 2)]
        assert isinstance(failed, Failed)
        assert (failed.status, failed.code) == (500, "worker_died")
        assert "2 workers died" in failed.message
        assert poison.state is JobState.FAILED
        assert [submit.job_id for submit in third.submissions] == [innocent.wire_id]

    run(test)


def test_a_submission_that_never_arrived_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.jobs.broker.LOST_SUBMIT_S", 0.05)

    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        del worker.jobs[job.wire_id]  # as if it had not come
        await server.until(lambda: len(worker.submissions) == 2, worker.beat)
        assert worker.submissions[1].job_id == job.wire_id
        worker.say(job.wire_id, STARTED, DONE)
        assert await collect(job) == [STARTED, DONE]

    run(test)


def test_a_job_that_its_worker_does_not_know_goes_on_from_what_was_sent() -> None:
    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        job = await server.running_on(worker, 1)
        lost = worker.record(job.wire_id, *tokens(2, 3))
        del worker.jobs[job.wire_id]
        worker.publish(lost[1:])  # a gap, but the worker has forgotten what was in it
        await server.until(lambda: len(worker.submissions) == 2)
        assert worker.submissions[1].generated == [1]

    run(test)


def test_a_full_queue_is_refused_with_the_time_to_try_again() -> None:
    async def test(server: Server) -> None:
        for _ in range(3):
            server.submit()
        with pytest.raises(ApiError, match="3 requests wait already") as refused:
            server.submit()
        assert (refused.value.status, refused.value.code) == (429, "queue_full")
        assert int(refused.value.headers["Retry-After"]) >= 1

    run(test, queue_limit=3)


def test_jobs_that_a_worker_has_taken_do_not_fill_the_queue() -> None:
    async def test(server: Server) -> None:
        worker = await server.ready_worker(slots=2)
        for _ in range(3):
            await server.submit_to(worker)
        server.submit()
        with pytest.raises(ApiError):
            server.submit()
        worker.say(worker.submissions[0].job_id, STARTED, DONE)
        await server.until(lambda: len(worker.submissions) == 4)
        server.submit()

    run(test, queue_limit=1)


def test_an_unknown_model_is_answered_with_what_is_served() -> None:
    async def test(server: Server) -> None:
        with pytest.raises(ApiError, match=r"'large' is not served here; served: smol \(text\)") as refused:
            server.broker.find_model("large", JobKind.TEXT)
        assert refused.value.status == 404
        with pytest.raises(
            ApiError, match=r"no image model is served here.*`nexa server smol sd1-5` would serve one too"
        ) as refused:
            server.broker.find_model(None, JobKind.IMAGE)
        assert refused.value.status == 404
        assert server.broker.find_model("small", JobKind.TEXT) is SMOL
        assert server.broker.find_model(None, JobKind.TEXT) is SMOL

    run(test)


def test_jobs_of_a_model_that_was_given_up_fail_at_once_with_the_reason() -> None:
    async def test(server: Server) -> None:
        waiting = server.submit()
        worker = server.new_worker()
        await server.until(
            lambda: waiting.ended, lambda: worker.publish_roster(WorkerState.FAILED, "the file is damaged")
        )
        (failed,) = await collect(waiting)
        assert isinstance(failed, Failed)
        assert (failed.status, failed.code) == (503, "no_worker")
        assert "the file is damaged" in failed.message
        with pytest.raises(ApiError, match="the file is damaged") as refused:
            server.submit()
        assert refused.value.status == 503

    run(test)


def test_cancelling_a_running_job_tells_the_worker_and_gives_its_room_to_the_next() -> None:
    async def test(server: Server) -> None:
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


def test_a_worker_that_still_paints_a_cancelled_picture_gets_no_other_job() -> None:
    async def test(server: Server) -> None:
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
    async def test(server: Server) -> None:
        gone, stays = server.submit(), server.submit()
        server.broker.cancel(gone)
        worker = await server.ready_worker()
        await server.until(lambda: stays.wire_id in worker.jobs)
        assert [submit.job_id for submit in worker.submissions] == [stays.wire_id]
        assert worker.of_type(Cancel) == []

    run(test)


def test_cancelling_an_ended_job_does_nothing() -> None:
    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        job = await server.submit_to(worker)
        worker.say(job.wire_id, STARTED, DONE)
        await server.until(lambda: job.ended)
        server.broker.cancel(job)
        await server.round_trip(worker)
        assert job.state is JobState.DONE
        assert worker.of_type(Cancel) == []

    run(test)


def test_a_worker_is_told_to_drop_a_job_that_nobody_waits_for() -> None:
    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        worker.jobs["of an earlier time"] = []
        await server.until(lambda: Cancel("of an earlier time") in worker.received, worker.beat)

    run(test)


def test_one_users_many_jobs_do_not_delay_anothers_one() -> None:
    async def test(server: Server) -> None:
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


def test_a_conversation_returns_to_the_worker_that_has_its_beginning() -> None:
    async def test(server: Server) -> None:
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


def test_the_server_is_ready_when_each_model_has_a_confirmed_worker() -> None:
    async def test(server: Server) -> None:
        assert server.broker.readiness() == (False, {"smol": "no worker has reported yet"})
        assert [model.ready for model in server.broker.served_models()] == [False]
        await server.ready_worker()
        assert server.broker.readiness() == (True, {})
        (model,) = server.broker.served_models()
        assert (model.name, model.aliases, model.context_tokens, model.ready) == ("smol", ("small",), 2048, True)

    run(test)


def test_garbage_on_either_socket_is_ignored() -> None:
    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        for garbage in (b"", b"\xff\xff", b"\x93\x01\x0a\xc0"):
            worker.send(garbage)
        job = await server.submit_to(worker)
        worker.say(job.wire_id, STARTED, DONE)
        assert await collect(job) == [STARTED, DONE]

    run(test)


def test_stopping_cancels_what_runs() -> None:
    async def test() -> None:
        async with serving() as server:
            worker = await server.ready_worker()
            job = await server.running_on(worker, 1)
            reader = asyncio.ensure_future(collect(job))
        assert await reader == [STARTED, *tokens(1)]
        assert job.state is JobState.CANCELLED

    asyncio.run(test())
