"""What the broker makes of workers: it confirms them, remembers what became of them, and ignores strangers."""

from __future__ import annotations

import math

from shared.wire.messages import Probe
from shared.wire.supervision import WorkerState
from tests.support.router.broker_server import DONE, STARTED, BrokerServer, collect, run


def test_no_job_is_sent_before_the_probe_has_come_back() -> None:
    async def test(server: BrokerServer) -> None:
        worker = server.new_worker()
        worker.answers_probes = False
        job = server.submit()
        await server.until(lambda: len(worker.of_type(Probe)) >= 2, worker.beat)
        assert worker.submissions == []
        assert not server.confirmed(worker)
        worker.echo(worker.of_type(Probe)[-1].nonce + 1)
        worker.answers_probes = True
        await server.until(lambda: worker.submissions, worker.beat)
        assert worker.submissions[0].job_id == job.wire_id

    run(test)


def test_what_becomes_of_workers_is_remembered() -> None:
    async def test(server: BrokerServer) -> None:
        worker = server.new_worker()
        worker.state = WorkerState.LOADING
        await server.until(lambda: server.broker.worker_events(0, math.inf), worker.beat)
        worker.state = WorkerState.READY
        await server.until(lambda: len(server.broker.worker_events(0, math.inf)) == 2, worker.beat)
        events = server.broker.worker_events(0, math.inf)
        assert [(event.worker, event.before, event.state) for event in events] == [
            ("smol-0", None, "loading"),
            ("smol-0", "loading", "ready"),
        ]

    run(test)


def test_a_loading_worker_is_not_probed() -> None:
    async def test(server: BrokerServer) -> None:
        loading = server.new_worker("loading", "smol-0")
        loading.state = WorkerState.LOADING
        await server.until(lambda: any(row.state == "loading" for row in server.broker.workers()), loading.beat)
        await server.ready_worker("ready", "smol-1")
        assert loading.received == []

    run(test)


def test_the_server_is_ready_when_each_model_has_a_confirmed_worker() -> None:
    async def test(server: BrokerServer) -> None:
        assert server.broker.readiness() == (False, {"smol": "no worker has reported yet"})
        assert [model.ready for model in server.broker.served_models()] == [False]
        await server.ready_worker()
        assert server.broker.readiness() == (True, {})
        (model,) = server.broker.served_models()
        assert (model.name, model.aliases, model.context_tokens, model.ready) == ("smol", ("small",), 2048, True)
        assert not model.translates

    run(test)


def test_a_model_sees_what_its_worker_says() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        assert server.broker.served_models()[0].media == ()
        worker.media = ("image",)
        await server.until(lambda: server.broker.served_models()[0].media == ("image",), worker.beat)

    run(test)


def test_garbage_on_either_socket_is_ignored() -> None:
    async def test(server: BrokerServer) -> None:
        worker = await server.ready_worker()
        for garbage in (b"", b"\xff\xff", b"\x93\x01\x0a\xc0"):
            worker.send(garbage)
        job = await server.submit_to(worker)
        worker.say(job.wire_id, STARTED, DONE)
        assert await collect(job) == [STARTED, DONE]

    run(test)


def test_a_worker_of_a_model_that_is_not_served_is_ignored() -> None:
    async def test(server: BrokerServer) -> None:
        stranger = server.new_worker("stranger", "other-0")
        stranger.model = "other"
        stranger.beat()
        worker = await server.ready_worker()
        for _ in range(3):
            stranger.beat()
            await server.round_trip(worker)
        assert stranger.of_type(Probe) == []
        assert [row.name for row in server.broker.workers()] == [worker.name]

    run(test)
