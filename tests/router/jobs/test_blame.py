"""Which of the jobs of a dead worker fails, and that no other ever does."""

from __future__ import annotations

from dataclasses import replace

from router.jobs.blame.record import Death
from router.jobs.job import Job, JobState
from router.jobs.limits import UserLimits
from shared.wire.payloads import Done, Failed, Started
from shared.wire.supervision import ENDED_STATES, Roster, WorkerState, WorkerStatus
from tests.support.router.broker_server import DONE, STARTED, BrokerServer, collect, run, tokens
from tests.support.workers.worker_end import WorkerEnd


async def successor(server: BrokerServer, dying: WorkerEnd, worker_id: str, slots: int = 4) -> WorkerEnd:
    """The worker that takes the dying one's place; the router has learned of the death."""
    dying.close()
    return await server.ready_worker(worker_id, dying.name, slots)


def report_death(reporter: WorkerEnd, dead: WorkerEnd) -> None:
    """Let a worker exit, and report that as the supervisor does."""
    dead.close()
    state = dead.state if dead.state in ENDED_STATES else WorkerState.EXITED
    rows = ((dead, state), (reporter, reporter.state))
    reporter.publish_all(Roster([WorkerStatus(end.name, "smol", end.worker_id, state, 0, "") for end, state in rows]))


async def has_only(server: BrokerServer, worker: WorkerEnd, *jobs: Job) -> None:
    """Wait until the worker has these jobs, and the router has had two chances to send it another."""
    await server.until(lambda: set(worker.jobs) == {job.wire_id for job in jobs})
    worker.beat()
    worker.jobs["unknown"] = []
    worker.beat()
    await server.until(lambda: "unknown" not in worker.jobs)  # cancelled after all that it may have been sent
    assert set(worker.jobs) == {job.wire_id for job in jobs}


async def begin(server: BrokerServer, worker: WorkerEnd, job: Job, *ids: int) -> None:
    """Let the worker send these tokens for a job."""
    done = len(job.generated) + len(ids)
    worker.say(job.wire_id, STARTED, *tokens(*ids))
    await server.until(lambda: len(job.generated) == done)


async def one_on_trial(server: BrokerServer) -> tuple[list[Job], WorkerEnd, WorkerEnd]:
    """Two suspects of a death, the worker on which the first is tried, and an idle one."""
    first = await server.ready_worker("first", "smol-0", slots=4)
    suspects = [await server.submit_to(first) for _ in range(2)]
    other = await server.ready_worker("other", "smol-1", slots=4)
    report_death(other, first)
    await has_only(server, other, suspects[0])
    return suspects, other, await server.ready_worker("second", "smol-0", slots=4)


async def failure(job: Job) -> Failed:
    """The error that ended a job."""
    end = (await collect(job))[-1]
    assert isinstance(end, Failed)
    return end


def test_the_one_that_kills_again_fails_and_those_beside_it_end_well() -> None:
    async def test(server: BrokerServer) -> None:
        first = await server.ready_worker("first", slots=4)
        honest = await server.running_on(first, 1)
        poison, beside = await server.submit_to(first), await server.submit_to(first)
        second = await successor(server, first, "second")
        await has_only(server, second, honest)
        await begin(server, second, honest, 2)
        await has_only(server, second, honest, poison)
        third = await successor(server, second, "third")  # the poison killed beside the honest one
        await has_only(server, third, poison)
        fourth = await successor(server, third, "fourth")  # and alone
        failed = await failure(poison)
        assert (failed.status, failed.code) == (500, "worker_died")
        assert failed.message == "3 workers died while they had this request; it is not retried"
        assert poison.state is JobState.FAILED
        await has_only(server, fourth, honest, beside)
        for job in (honest, beside):
            fourth.say(job.wire_id, Started(1, 0), *tokens(9), DONE)
        assert await collect(honest) == [STARTED, *tokens(1, 2, 9), DONE]
        assert isinstance((await collect(beside))[-1], Done)

    run(test)


def test_a_job_that_kills_while_it_is_alone_fails_after_the_second_death() -> None:
    async def test(server: BrokerServer) -> None:
        first = await server.ready_worker("first")
        poison = await server.submit_to(first)
        second = await successor(server, first, "second")
        await has_only(server, second, poison)
        second.close()
        third = await server.ready_worker("third")
        assert (await failure(poison)).message.startswith("2 workers died")
        assert third.submissions == []

    run(test)


def test_jobs_in_doubt_are_tried_one_at_a_time_and_new_ones_wait() -> None:
    async def test(server: BrokerServer) -> None:
        first = await server.ready_worker("first", slots=4)
        suspects = [await server.submit_to(first) for _ in range(3)]
        second = await successor(server, first, "second")
        new = server.submit("somebody else")
        for count, suspect in enumerate(suspects, 1):
            await has_only(server, second, *suspects[:count])
            await begin(server, second, suspect, 1)
        await has_only(server, second, *suspects, new)

    run(test)


def test_new_jobs_go_to_other_workers_meanwhile() -> None:
    async def test(server: BrokerServer) -> None:
        suspects, other, second = await one_on_trial(server)
        new = [server.submit("somebody else") for _ in range(2)]
        await has_only(server, second, *new)
        await has_only(server, other, suspects[0])

    run(test)


def test_a_user_who_may_not_queue_is_not_refused_because_a_job_waits_for_its_trial() -> None:
    async def test(server: BrokerServer) -> None:
        suspects, _, second = await one_on_trial(server)
        await has_only(server, second)
        assert suspects[1].state is JobState.QUEUED
        request = replace(suspects[0].request, user="limited", limits=UserLimits(max_queued=0))
        assert server.broker.submit(request).state is JobState.DISPATCHED

    run(test)


def test_an_accused_job_waits_for_the_next_worker_and_others_go_on() -> None:
    """If none will come, it gets the worker that it can have first."""

    async def test(server: BrokerServer) -> None:
        first = await server.ready_worker("first", "smol-0")
        server.broker.cancel(await server.submit_to(first))  # so that the death convicts nobody
        accused = await server.submit_to(first)
        accused.blame.add(Death(), 0, on_trial=True)
        other = await server.ready_worker("other", "smol-1", slots=4)
        streams = [await server.running_on(other, 1)]
        report_death(other, first)
        streams.append(await server.running_on(other, 1))
        await has_only(server, other, *streams)
        first.state = WorkerState.FAILED
        report_death(other, first)
        await server.until(lambda: any(row.state == "failed" for row in server.broker.workers()))
        streams.append(server.submit())
        await has_only(server, other, *streams[:2])
        for job in streams[:2]:
            other.say(job.wire_id, DONE)
        await server.until(lambda: accused.wire_id in other.jobs)
        await begin(server, other, accused, 1)
        await server.until(lambda: streams[2].wire_id in other.jobs)

    run(test)


def test_a_stream_survives_any_number_of_deaths_that_others_cause() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker("first", slots=4)
        honest = await server.running_on(worker, 0)
        for number in range(1, 5):
            poison = await server.submit_to(worker, "attacker")
            worker = await successor(server, worker, f"{number}a")
            await has_only(server, worker, honest)
            await begin(server, worker, honest, number)
            await has_only(server, worker, honest, poison)
            worker = await successor(server, worker, f"{number}b")
            await has_only(server, worker, poison)
            worker = await successor(server, worker, f"{number}c")
            assert (await failure(poison)).code == "worker_died"
            await has_only(server, worker, honest)
            await begin(server, worker, honest, number)
        worker.say(honest.wire_id, DONE)
        assert await collect(honest) == [STARTED, *tokens(0, 1, 1, 2, 2, 3, 3, 4, 4), DONE]

    run(test)


def test_a_job_that_kills_in_mid_generation_is_found() -> None:
    """Two streams go on twice; then each is tried."""

    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker("first", slots=4)
        poison, honest = await server.running_on(worker, 1), await server.running_on(worker, 5)
        worker = await successor(server, worker, "second")
        await has_only(server, worker, poison, honest)
        for job in (poison, honest):
            await begin(server, worker, job, 2)
        worker = await successor(server, worker, "third")
        await has_only(server, worker, poison)
        await begin(server, worker, poison, 3)
        await has_only(server, worker, poison)  # it must outlast its earlier workers
        worker = await successor(server, worker, "fourth")  # alone
        assert (await failure(poison)).message.startswith("3 workers died")
        await has_only(server, worker, honest)

    run(test)


def test_a_stream_that_passes_its_trial_is_cleared() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker("first", slots=4)
        honest = await server.running_on(worker, 1)
        for number in ("second", "third"):
            worker = await successor(server, worker, number)
            await has_only(server, worker, honest)
            await begin(server, worker, honest, 1)
        new = server.submit()
        await has_only(server, worker, honest)
        await begin(server, worker, honest, 1)
        await has_only(server, worker, honest, new)
        worker = await successor(server, worker, "fourth")
        assert honest.state is JobState.DISPATCHED  # as any stream

    run(test)


def test_a_death_after_a_cancelled_job_convicts_nobody() -> None:
    """The cancelled one may still be computed, and be the cause."""

    async def test(server: BrokerServer) -> None:
        first = await server.ready_worker("first", "smol-0")
        suspect = await server.submit_to(first)
        second = await server.ready_worker("second", "smol-1")
        gone = await server.submit_to(second)
        server.broker.cancel(gone)
        report_death(second, first)
        await has_only(server, second, suspect)
        third = await successor(server, second, "third")
        await has_only(server, third, suspect)
        await successor(server, third, "fourth")
        assert (await failure(suspect)).message.startswith("3 workers died")

    run(test)


def test_a_trial_that_is_cancelled_lets_others_go_on() -> None:
    async def test(server: BrokerServer) -> None:
        first = await server.ready_worker("first", slots=4)
        suspects = [await server.submit_to(first) for _ in range(2)]
        second = await successor(server, first, "second")
        await has_only(server, second, suspects[0])
        server.broker.cancel(suspects[0])
        await server.until(lambda: suspects[1].wire_id in second.jobs)

    run(test)
