"""Jobs that workers have from an earlier run of the router."""

from __future__ import annotations

import asyncio

from router.jobs.broker import TICK_S
from router.jobs.job import Job, JobRequest, JobState
from shared.wire.codec import encode
from shared.wire.jobs import TextJob
from shared.wire.messages import Cancel, Orphan, Replay, Submit
from shared.wire.payloads import Tokens
from shared.wire.supervision import DeviceBudget, Roster, WorkerState, WorkerStatus
from shared.wire.work import unpack
from tests.support.router.broker_server import DONE, SMOL, STARTED, BrokerServer, collect, run, tokens
from tests.support.workers.worker_end import WorkerEnd

WORK = TextJob(prompt="a b c")


def orphan(job_id: str = "job.1", work: TextJob = WORK, earlier: int = 0) -> Orphan:
    """A submission of an earlier router, after another worker has sent so many tokens."""
    sent = [STARTED, *tokens(*range(earlier))] if earlier else []
    begun = (sent and STARTED) or None
    submit = Submit(job_id, "run-1", 1, None, list(range(earlier)), 0, begun, b"ticket", sent, 60.0)
    return Orphan(submit, encode(work), counted=False)


class Adopted:
    """Takes over every job that is offered, as the application does."""

    def __init__(self, server: BrokerServer, lacks_files: bool = False) -> None:
        self._broker = server.broker
        self._lacks_files = lacks_files
        self.jobs: list[Job] = []
        self.counted: list[bool] = []
        server.broker.adopt_with(self._restore)

    def _restore(self, worker_id: str, orphan: Orphan) -> bool:
        submit, work = orphan.submit, unpack(orphan.work, orphan.submit.seed)
        request = JobRequest(
            "request", "user", "smol", work, ticket=submit.ticket, keep_s=submit.keep_s, lacks_files=self._lacks_files
        )
        self.jobs.append(self._broker.adopt(worker_id, submit, request))
        self.counted.append(orphan.counted)
        return True


async def offering(server: BrokerServer, *orphans: Orphan) -> WorkerEnd:
    """A confirmed worker that had these jobs."""
    worker = server.new_worker()
    worker.orphans = list(orphans)
    for orphan in orphans:
        worker.jobs[orphan.submit.job_id] = []
    await server.until(lambda: server.confirmed(worker), worker.beat)
    return worker


def test_a_job_goes_on_from_the_events_that_the_worker_sends_again() -> None:
    async def test(server: BrokerServer) -> None:
        adopted = Adopted(server)
        worker = server.new_worker()
        worker.orphans, worker.jobs["job.1"] = [orphan()], []
        worker.record("job.1", STARTED, *tokens(1, 2))
        await server.until(lambda: server.confirmed(worker), worker.beat)
        (job,) = adopted.jobs
        await server.until(lambda: job.generated == [1, 2])
        assert worker.of_type(Replay) == [Replay("job.1", 0)]
        worker.beat()
        worker.say("job.1", *tokens(3), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2, 3), DONE]
        assert (job.state, adopted.counted) == (JobState.DONE, [False])
        assert worker.of_type(Cancel) == []

    run(test)


def test_a_job_whose_files_are_gone_fails_with_its_worker() -> None:
    async def test(server: BrokerServer) -> None:
        adopted = Adopted(server, lacks_files=True)
        worker = await offering(server, orphan())
        (job,) = adopted.jobs
        worker.say("job.1", STARTED)
        await server.until(lambda: job.started, worker.beat)
        worker.close()
        other = await server.ready_worker("new")
        await server.until(lambda: job.ended, other.beat)
        assert other.submissions == []
        assert job.failed is not None
        assert (job.failed.status, job.failed.code) == (503, "files_lost")

    run(test)


def test_what_earlier_workers_sent_comes_first_and_goes_to_later_ones() -> None:
    async def test(server: BrokerServer) -> None:
        adopted = Adopted(server)
        worker = await offering(server, orphan(earlier=2))
        worker.say("job.1", STARTED, *tokens(2))
        (job,) = adopted.jobs
        await server.until(lambda: job.generated == [0, 1, 2])
        worker.close()
        other = await server.ready_worker("other", "smol-1")
        other.publish_roster(WorkerState.EXITED, worker_id="worker")
        await server.until(lambda: other.submissions)
        (again,) = other.submissions
        assert (again.generated, again.ticket, again.keep_s) == ([0, 1, 2], b"ticket", 60.0)
        assert other.works[again.job_id] == WORK
        assert again.earlier == [STARTED, *tokens(0, 1, 2)]

    run(test)


def test_an_adopted_job_counts_as_its_users_work_until_it_ends() -> None:
    async def test(server: BrokerServer) -> None:
        adopted = Adopted(server)
        worker = await offering(server, orphan("one"), orphan("two"))
        waiting = server.submit()
        await asyncio.sleep(0)
        third = server.submit()
        assert (waiting.state, third.state) == (JobState.DISPATCHED, JobState.QUEUED)
        server.broker.cancel(adopted.jobs[0])
        await server.until(lambda: Cancel("one") in worker.received)
        assert third.state is JobState.DISPATCHED

    run(test)


def test_a_job_that_nobody_can_go_on_with_is_cancelled() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await offering(server, orphan())
        await server.until(lambda: Cancel("job.1") in worker.received)

    run(test)


def test_a_job_with_a_ticket_is_sent_with_it_and_its_events_are_released_by_the_end_of_its_stream() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        request = JobRequest("request", "user", "smol", WORK, ticket=b"ticket", keep_s=7.0)
        job = server.broker.submit(request)
        await server.until(lambda: worker.submissions)
        (submit,) = worker.submissions
        assert (submit.ticket, submit.keep_s, submit.earlier) == (b"ticket", 7.0, [])
        worker.say(job.wire_id, STARTED, DONE)
        await server.until(lambda: job.ended)
        server.broker.release(job)
        await server.until(lambda: Cancel(job.wire_id) in worker.received)

    run(test)


def test_a_very_long_job_is_sent_to_the_next_worker_without_its_ticket() -> None:
    job = Job("job", JobRequest("request", "user", "smol", WORK, ticket=b"ticket"))
    for number in range(16_385):
        job.deliver(Tokens("x", [number]))
    assert job.history is None


def test_the_router_has_settled_once_all_ready_workers_are_confirmed() -> None:
    async def test(server: BrokerServer) -> None:
        worker = server.new_worker()
        worker.publish_roster(WorkerState.READY)
        assert not server.broker.settled
        worker.answers_probes = False
        await server.until(lambda: worker.received, worker.beat)
        worker.publish_roster(WorkerState.READY)
        assert not server.broker.settled
        worker.answers_probes = True
        await server.until(lambda: server.confirmed(worker), worker.beat)
        await server.until(lambda: server.broker.settled, lambda: worker.publish_roster(WorkerState.READY))

    run(test)


def test_a_worker_of_a_model_that_the_next_run_has_not_found_yet_keeps_its_jobs() -> None:
    async def test(server: BrokerServer) -> None:
        adopted = Adopted(server)
        worker = server.new_worker(name="found/0")
        worker.model = "found"
        worker.orphans, worker.jobs["job.1"] = [orphan()], []
        status = WorkerStatus(worker.name, worker.model, worker.worker_id, WorkerState.READY, 0, "")
        roster = Roster([status], budgets=[DeviceBudget("cpu", 10, 10)])

        def go_on() -> None:
            worker.beat()
            worker.publish_all(roster)

        await server.until(lambda: server.broker.budgets, go_on)
        for _ in range(4):
            await asyncio.sleep(TICK_S)
            go_on()
        assert not server.broker.residency.record.unloads
        assert not server.broker.settled
        server.broker.set_models((SMOL, SMOL.model_copy(update={"name": "found", "load": "demand"})))
        await server.until(lambda: adopted.jobs and server.broker.settled, go_on)
        await asyncio.sleep(TICK_S)
        assert not server.broker.residency.record.unloads

    run(test)
