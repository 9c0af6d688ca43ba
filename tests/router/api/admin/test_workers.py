"""Operators' orders: who may give them, what becomes of them, and where the jobs of a worker that is to end go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import zmq

from router.app import create_app
from router.http.request_record import RequestRecord
from router.jobs.refusals import RefusalReason, Refused
from shared.settings import ServerSettings
from shared.wire.messages import CODEC, Cancel, DrainWorker, RestartWorkers, Roster, WorkerState, WorkerStatus
from shared.wire.payloads import Started
from shared.wire.transport import Endpoints, open_socket
from tests.support.router.broker_server import DONE, STARTED, Server, collect, run, tokens
from tests.support.router.fake_broker import MODEL, FakeBroker

LOCAL, REMOTE = ("127.0.0.1", 50000), ("192.168.1.7", 50000)


class Control:
    """Keeps the orders that come."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, str | None]] = []

    def drain(self, name: str) -> list[Any]:
        self.orders.append(("drain", name))
        return []

    def restart(self, name: str | None) -> list[Any]:
        self.orders.append(("restart", name))
        return []


def post(
    path: str,
    client: tuple[str, int] = LOCAL,
    api_key: str = "",
    given: str = "",
    admin: bool | None = None,
    origin: str = "",
) -> tuple[httpx.Response, list[tuple[str, str | None]]]:
    """The answer to an order, and what arrived of it."""
    broker = FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", api_key=api_key))
    control = Control()
    broker.control = control  # type: ignore[attr-defined]
    app = create_app(broker)  # type: ignore[arg-type]
    if admin is not None:
        from router.api.dependencies import request_record

        app.dependency_overrides[request_record] = lambda: RequestRecord(user="key", key_name="key", admin=admin)

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=client)
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        headers |= {"Origin": origin} if origin else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as http:
            return await http.post(path, headers=headers)

    return asyncio.run(go()), control.orders


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/v1/workers/smollm2/0/drain", ("drain", "smollm2/0")),
        ("/v1/workers/smollm2/0/restart", ("restart", "smollm2/0")),
        ("/v1/workers/restart", ("restart", None)),
    ],
)
def test_without_keys_a_caller_on_this_machine_may_give_orders(path: str, order: tuple[str, str | None]) -> None:
    answer, orders = post(path)
    assert answer.status_code == 202
    assert orders == [order]


@pytest.mark.parametrize("path", ["/v1/workers/smollm2/0/drain", "/v1/workers/restart"])
def test_without_keys_others_may_not(path: str) -> None:
    answer, orders = post(path, client=REMOTE)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")
    assert orders == []


@pytest.mark.parametrize("client", [LOCAL, REMOTE])
def test_a_key_may_only_if_it_administers(client: tuple[str, int]) -> None:
    refused, none = post("/v1/workers/restart", client, "secret", "secret", admin=False)
    assert (refused.status_code, none) == (403, [])
    assert "may administer" in refused.json()["error"]["message"]
    accepted, orders = post("/v1/workers/restart", client, "secret", "secret", admin=True)
    assert (accepted.status_code, orders) == (202, [("restart", None)])


@pytest.mark.parametrize(
    ("client", "given", "status"), [(LOCAL, "secret", 202), (REMOTE, "secret", 403), (LOCAL, "guess", 401)]
)
def test_the_key_that_all_share_lets_callers_on_this_machine_give_orders(
    client: tuple[str, int], given: str, status: int
) -> None:
    answer, orders = post("/v1/workers/restart", client, "secret", given)
    assert answer.status_code == status
    assert orders == ([("restart", None)] if status == 202 else [])


def test_web_pages_give_no_orders() -> None:
    answer, orders = post("/v1/workers/restart", origin="http://127.0.0.1:8000")
    assert (answer.status_code, orders) == (403, [])


class SupervisorEnd:
    """The supervisor's end of the control socket."""

    def __init__(self, folder: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_socket(self._context, zmq.PULL)
        self._socket.bind(Endpoints.in_folder(Path(folder)).control)

    def next_order(self) -> Any:
        assert self._socket.poll(10_000)
        return CODEC.decode(self._socket.recv())

    def close(self) -> None:
        self._context.destroy(linger=0)


def with_supervisor(test: Callable[[Server, SupervisorEnd], Any]) -> None:
    async def story(server: Server) -> None:
        supervisor = SupervisorEnd(server.settings.run_folder)
        try:
            await test(server, supervisor)
        finally:
            supervisor.close()

    run(story)


def test_orders_reach_the_supervisor() -> None:
    async def test(server: Server, supervisor: SupervisorEnd) -> None:
        await server.ready_worker("a", "smol-0")
        await server.ready_worker("b", "smol-1")
        (row,) = server.broker.control.drain("smol-0")
        assert (row.name, row.state) == ("smol-0", "ready")
        assert supervisor.next_order() == DrainWorker("smol-0")
        assert len(server.broker.control.restart(None)) == 2
        assert supervisor.next_order() == RestartWorkers(["smol-0", "smol-1"])
        server.broker.control.restart("smol-1")
        assert supervisor.next_order() == RestartWorkers(["smol-1"])

    with_supervisor(test)


def test_unknown_workers_are_named_with_the_known_ones() -> None:
    async def test(server: Server, supervisor: SupervisorEnd) -> None:
        await server.ready_worker("a", "smol-0")
        for order in (server.broker.control.drain, server.broker.control.restart):
            with pytest.raises(Refused, match=r"name: expected one of smol-0; got 'smol-9'") as refused:
                order("smol-9")
            assert refused.value.reason is RefusalReason.WORKER_NOT_FOUND

    with_supervisor(test)


def test_the_last_worker_of_a_model_is_not_taken_out() -> None:
    async def test(server: Server, supervisor: SupervisorEnd) -> None:
        worker = await server.ready_worker("a", "smol-0")
        other = WorkerStatus("smol-1", "smol", "b", WorkerState.DRAINED, 0, "drained")
        worker.publish_all(Roster([WorkerStatus("smol-0", "smol", "a", WorkerState.READY, 0, ""), other]))
        await server.until(lambda: len(server.broker.workers()) == 2)
        with pytest.raises(Refused, match="to replace it, use nexa restart smol-0") as refused:
            server.broker.control.drain("smol-0")
        assert refused.value.reason is RefusalReason.LAST_WORKER

    with_supervisor(test)


def test_a_worker_that_drains_gets_no_new_job_and_finishes_its_own() -> None:
    async def test(server: Server) -> None:
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


def test_jobs_that_outlast_the_drain_timeout_go_on_in_another_worker() -> None:
    async def test(server: Server) -> None:
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
        assert Cancel(first_id) in ending.received
        submission = other.submissions[0]
        assert (submission.generated, submission.begun) == ([1, 2], STARTED)
        assert submission.job_id == job.wire_id != first_id
        assert (job.crashes, job.losses) == (0, 0)
        other.say(job.wire_id, Started(5, 0), *tokens(3), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2, 3), DONE]

    run(test)


def test_a_job_that_comes_back_to_the_same_worker_is_not_mixed_up_with_its_first_run() -> None:
    """A worker that was given up for silent goes on as if nothing had been: with the same job, from the same place."""

    async def test(server: Server) -> None:
        worker = await server.ready_worker()
        job = await server.running_on(worker, 1, 2)
        first_id = job.wire_id
        server.broker._failover.lose(server.broker._workers.all()[0], "its heartbeats stopped")
        worker.received.clear()
        await server.until(lambda: worker.submissions, worker.beat)
        assert worker.submissions[0].generated == [1, 2]
        worker.say(first_id, *tokens(3, 4))  # what it had begun with
        worker.say(job.wire_id, Started(5, 0), *tokens(3), DONE)
        assert await collect(job) == [STARTED, *tokens(1, 2, 3), DONE]
        await server.until(lambda: Cancel(first_id) in worker.received, worker.beat)

    run(test)
