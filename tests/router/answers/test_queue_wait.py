"""What clients of queued requests get, and the fields that limit the wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from starlette.types import Message

from router.http.request_log import RequestLog
from router.jobs.job import Job, JobRequest, JobState
from router.jobs.limits import Priority, UserLimits
from shared.wire.payloads import Done, Failed
from tests.support.router.client import CHAT, COMPLETION, app_of, ask, http_client, post
from tests.support.router.fake_broker import FakeBroker, words

STREAM = {**COMPLETION, "stream": True}


class QueueingBroker(FakeBroker):
    """Jobs stay in the queue, at the place that a test sets, until the test releases them."""

    place = 3
    loaded: float | None = None

    def submit(self, request: JobRequest) -> Job:
        job = Job(job_id=f"job-{len(self.jobs)}", request=request, worker_id="smol-0", queue_position=self.place)
        self.jobs.append(job)
        return job

    def position(self, job: Job) -> int:
        return self.place

    def loading(self, model: str) -> float | None:
        return self.loaded

    def play(self, script: Sequence[Any]) -> None:
        """Let the first job run to its end."""
        (job,) = self.jobs
        job.move(JobState.DISPATCHED)
        for payload in script:
            if isinstance(payload, Done | Failed):
                job.move(JobState.DONE if isinstance(payload, Done) else JobState.FAILED)
            job.deliver(payload)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.answers.queue_wait.START_DELAY_S", 0.05)
    monkeypatch.setattr("router.answers.queue_wait.REPORT_INTERVAL_S", 0.01)


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def sent_by(
    broker: FakeBroker, body: dict[str, Any], *headers: tuple[bytes, bytes]
) -> tuple[list[Message], asyncio.Task[None], Any]:
    """A request's ASGI messages as they are sent, its task, and the event that its client goes away."""
    messages: list[Message] = []
    gone = asyncio.Event()
    request = httpx.Request("POST", "http://nexa/v1/completions", json=body)
    incoming = [{"type": "http.request", "body": request.content, "more_body": False}]

    async def receive() -> Message:
        if incoming:
            return incoming.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/completions",
        "raw_path": b"/v1/completions",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"nexa"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("nexa", 80),
    }
    task = asyncio.ensure_future(app_of(broker)(scope, receive, send))
    return messages, task, gone


def texts(messages: list[Message]) -> str:
    return b"".join(message.get("body", b"") for message in messages).decode()


def test_a_waiting_stream_gets_each_new_place_and_then_its_events() -> None:
    async def test() -> None:
        broker = QueueingBroker()
        messages, task, _ = await sent_by(broker, STREAM)
        await until(lambda: ": queued at position 3\n" in texts(messages))
        broker.place = 1
        await until(lambda: ": queued at position 1\n" in texts(messages))
        broker.play(words("Once", " upon"))
        await task
        assert [message["type"] for message in messages].count("http.response.start") == 1
        assert (b"content-type", b"text/event-stream; charset=utf-8") in messages[0]["headers"]
        told, _, rest = texts(messages).partition("data: ")
        assert told.startswith(": queued at position 3\n")
        assert "queued" not in rest
        assert rest.endswith("data: [DONE]\n\n")
        assert '"text":"Once"' in rest
        assert messages[-1].get("more_body") in (False, None)

    asyncio.run(test())


def test_while_its_model_loads_a_waiting_stream_is_told_how_far_that_is() -> None:
    async def test() -> None:
        broker = QueueingBroker()
        broker.loaded = 0.0
        messages, task, _ = await sent_by(broker, STREAM)
        await until(lambda: ": loading smol 0 %\n" in texts(messages))
        broker.loaded = 0.409
        await until(lambda: ": loading smol 40 %\n" in texts(messages))
        broker.loaded = None
        await until(lambda: ": queued at position 3\n" in texts(messages))
        broker.play(words("Once"))
        await task
        assert [line for line in texts(messages).splitlines() if line.startswith(":")] == [
            ": loading smol 0 %",
            ": loading smol 40 %",
            ": queued at position 3",
        ]

    asyncio.run(test())


def test_a_resumable_stream_is_told_the_same_and_its_events_keep_their_ids() -> None:
    async def test() -> None:
        broker = QueueingBroker()
        broker.loaded = 0.25
        messages, task, _ = await sent_by(broker, STREAM, (b"x-resumable", b"true"))
        await until(lambda: ": loading smol 25 %\n" in texts(messages))
        broker.loaded = None
        await until(lambda: ": queued at position 3\n" in texts(messages))
        broker.place = 0
        broker.play(words("Once"))
        await task
        told, _, rest = texts(messages).partition("id: 1\n")
        assert told == ": loading smol 25 %\n: queued at position 3\n"
        assert ":" not in {line[:1] for line in rest.splitlines()}
        assert rest.endswith("data: [DONE]\n\n")

    asyncio.run(test())


def test_an_error_after_the_wait_is_an_event_and_one_before_has_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Failed(504, "too late", "timeout", "deadline_exceeded")

    async def test() -> None:
        late = QueueingBroker()
        messages, task, _ = await sent_by(late, STREAM)
        await until(lambda: "queued" in texts(messages))
        late.play([failed])
        await task
        assert messages[0]["status"] == 200
        assert "event: error\n" in texts(messages)
        assert '"code":"deadline_exceeded"' in texts(messages)

        monkeypatch.setattr("router.answers.queue_wait.START_DELAY_S", 60.0)
        early = QueueingBroker()
        async with http_client(early) as client:
            asking = asyncio.ensure_future(client.post("/v1/completions", json=STREAM))
            await until(lambda: early.jobs)
            early.play([failed])
            assert (await asking).status_code == 504

    asyncio.run(test())


def test_a_waiting_client_that_goes_away_leaves_the_queue() -> None:
    async def test() -> None:
        broker = QueueingBroker()
        messages, task, gone = await sent_by(broker, STREAM)
        await until(lambda: "queued" in texts(messages))
        gone.set()
        await task
        assert broker.cancelled == broker.jobs

    asyncio.run(test())


def test_a_whole_answer_has_the_place_in_a_header() -> None:
    async def test() -> None:
        broker = QueueingBroker()
        async with http_client(broker) as client:
            asking = asyncio.ensure_future(client.post("/v1/completions", json=COMPLETION))
            await until(lambda: broker.jobs)
            broker.play(words("Once"))
            assert (await asking).headers["X-Queue-Position"] == "3"

    asyncio.run(test())
    assert post(FakeBroker(), "/v1/completions", COMPLETION).headers["X-Queue-Position"] == "0"


@pytest.mark.parametrize(("path", "body"), [("/v1/completions", COMPLETION), ("/v1/chat/completions", CHAT)])
def test_priority_and_timeout_reach_the_job(path: str, body: dict[str, Any]) -> None:
    broker = FakeBroker()
    post(broker, path, {**body, "priority": "batch", "timeout": 20})
    post(broker, path, body)
    assert [(job.request.priority, job.request.timeout_s) for job in broker.jobs] == [
        (Priority.BATCH, 20.0),
        (Priority.INTERACTIVE, None),
    ]


@pytest.mark.parametrize("timeout", [0, -1, 600.1, "5", True])
def test_an_invalid_timeout_is_an_error_that_names_it(timeout: Any) -> None:
    broker = FakeBroker()
    response = post(broker, "/v1/completions", {**COMPLETION, "timeout": timeout})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "timeout"
    assert "timeout" in response.json()["error"]["message"]
    assert broker.jobs == []


def test_an_unknown_priority_is_an_error_that_lists_the_known_ones() -> None:
    error = post(FakeBroker(), "/v1/completions", {**COMPLETION, "priority": "urgent"}).json()["error"]
    assert error["param"] == "priority"
    assert "interactive" in error["message"]
    assert "batch" in error["message"]


def test_a_request_without_a_timeout_gets_the_servers() -> None:
    broker = FakeBroker()
    broker.settings = type(broker.settings)(models=broker.settings.models, run_folder="", default_timeout_s=7.0)
    post(broker, "/v1/completions", COMPLETION)
    assert broker.jobs[0].request.timeout_s == 7.0


def test_a_batch_key_stays_at_batch_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = UserLimits(max_running=2, priority=Priority.BATCH)
    call = RequestLog.__call__

    async def with_limits(self: RequestLog, scope: Any, receive: Any, send: Any) -> None:
        app = self._app

        async def limited(scope: Any, receive: Any, send: Any) -> None:
            scope["state"]["record"].limits = limits
            await app(scope, receive, send)

        self._app = limited
        try:
            await call(self, scope, receive, send)
        finally:
            self._app = app

    monkeypatch.setattr(RequestLog, "__call__", with_limits)
    broker = FakeBroker()
    ask(broker, "POST", "/v1/completions", json={**COMPLETION, "priority": "interactive"})
    (job,) = broker.jobs
    assert (job.request.priority, job.request.limits) == (Priority.BATCH, limits)
