"""The jobs of workers that drain."""

from __future__ import annotations

from router.jobs.blame.record import Doubt
from shared.settings import ServerSettings
from shared.wire.messages import Cancel
from shared.wire.payloads import Started
from shared.wire.supervision import WorkerState
from tests.support.router.broker_server import DONE, STARTED, BrokerServer, collect, run, tokens
from tests.support.router.fake_broker import MODEL


def test_a_draining_worker_gets_no_new_job_and_finishes_its_own() -> None:
    async def test(server: BrokerServer) -> None:
        ending = await server.ready_worker("ending", "smol-0")
        job = await server.running_on(ending, 1)
        ending.state = WorkerState.DRAINING
        await server.until(lambda: any(row.state == "draining" for row in server.broker.workers()), ending.beat)
        waiting = server.submit()
        other = await server.ready_worker("other", "smol-1")
        await server.until(lambda: waiting.wire_id in other.jobs, other.beat)
        ending.say(job.wire_id, *tokens(2), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2), DONE]
        assert len(ending.submissions) == 1

    run(test)


def test_jobs_that_outlast_the_drain_timeout_resume_on_another_worker() -> None:
    async def test(server: BrokerServer) -> None:
        ending = await server.ready_worker("ending", "smol-0")
        job = await server.running_on(ending, 1, 2)
        first_id = job.wire_id
        other = await server.ready_worker("other", "smol-1")
        server.broker.settings = ServerSettings(
            models=(MODEL,), run_folder=server.settings.run_folder, drain_timeout_s=0.2
        )
        ending.state = WorkerState.DRAINING

        def beat_both() -> None:
            ending.beat()
            other.beat()

        await server.until(lambda: other.submissions, beat_both)
        await server.until(lambda: Cancel(first_id) in ending.received)
        submission = other.submissions[0]
        assert (submission.generated, submission.begun) == ([1, 2], STARTED)
        assert submission.job_id == job.wire_id != first_id
        assert (job.blame.deaths, job.blame.doubt) == (0, Doubt.NONE)
        other.say(job.wire_id, Started(5, 0), *tokens(3), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2, 3), DONE]

    run(test)
