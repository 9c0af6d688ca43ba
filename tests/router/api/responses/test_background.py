"""Responses in the background: they go on without their client, and over restarts of the router."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.jobs.job import JobState
from router.schemas.errors import ApiError
from shared.wire.messages import Orphan, Submit
from shared.wire.payloads import Done, Payload
from shared.wire.work import seed_of
from tests.support.event_stream import Connection, events_in
from tests.support.requests.responses import AssembledResponse
from tests.support.router.client import app_of, serving
from tests.support.router.fake_broker import QUEUE_FULL, FakeBroker, words
from tests.support.router.paced_broker import PacedBroker

PATH = "/v1/responses"
BODY = {"input": "a", "background": True}
STORY = words("Once", " upon", " a", " time")


def broker_in(folder: Path, **more: Any) -> FakeBroker:
    """A broker whose answers are stored in the folder."""
    broker = FakeBroker(script=STORY, **more)
    broker.settings = broker.settings.model_copy(update={"state_folder": str(folder), "run_folder": str(folder)})
    return broker


@contextlib.asynccontextmanager
async def running(broker: FakeBroker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the started application."""
    app = app_of(broker)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://n") as client:
        yield client


async def ended(client: httpx.AsyncClient, response_id: str) -> dict[str, Any]:
    """The response once it has ended."""
    while True:
        found: dict[str, Any] = (await client.get(f"{PATH}/{response_id}")).json()
        if found["status"] not in ("queued", "in_progress"):
            return found
        await asyncio.sleep(0.001)


async def play(broker: FakeBroker, payloads: list[Payload]) -> None:
    """Let the only job go on."""
    (job,) = broker.jobs
    for payload in payloads:
        await asyncio.sleep(0)
        if job.state is JobState.DISPATCHED:
            job.move(JobState.RUNNING)
        if isinstance(payload, Done):
            job.move(JobState.DONE)
        job.deliver(payload)
    await asyncio.sleep(0)


def test_it_is_queued_then_running_then_there(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        broker.script = []
        async with running(broker) as client:
            answer = await client.post(PATH, json=BODY)
            response_id = answer.json()["id"]
            assert answer.headers["X-Job-Id"] == response_id.removeprefix("resp_")
            assert (answer.json()["status"], answer.json()["output"]) == ("queued", [])
            assert (await client.get(f"{PATH}/{response_id}")).json()["status"] == "queued"
            await play(broker, list(STORY[:3]))
            assert (await client.get(f"{PATH}/{response_id}")).json()["status"] == "in_progress"
            body = {"input": "b", "previous_response_id": response_id}
            assert (await client.post(PATH, json=body)).status_code == 400
            await play(broker, list(STORY[3:]))
            response = await ended(client, response_id)
            assert (response["status"], response["background"]) == ("completed", True)
            assert response["output"][0]["content"][0]["text"] == "Once upon a time"

    asyncio.run(story())


def test_its_events_can_be_read_from_any_of_them(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(broker_in(tmp_path)) as client:
            begun = await client.post(PATH, json={**BODY, "stream": True})
            whole = AssembledResponse(begun.text)
            assert whole.types[:3] == ["created", "queued", "in_progress"]
            response_id = whole.response["id"]
            for after in (None, 0, 3, len(whole.events) - 2):
                params: dict[str, Any] = {"stream": True} | ({} if after is None else {"starting_after": after})
                rest = await client.get(f"{PATH}/{response_id}", params=params)
                numbers = [event.json["sequence_number"] for event in events_in(rest.text)]
                assert numbers == list(range(0 if after is None else after + 1, len(whole.events)))
            params = {"stream": True, "starting_after": 99}
            refused = await client.get(f"{PATH}/{response_id}", params=params)
            last = len(whole.events) - 1
            assert refused.status_code == 400
            assert refused.json()["error"]["message"] == (
                f"starting_after: expected at most {last}, the last event, got 99"
            )

    asyncio.run(story())


def test_the_events_of_another_response_are_not_kept(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(broker_in(tmp_path)) as client:
            response_id = (await client.post(PATH, json={"input": "a"})).json()["id"]
            refused = await client.get(f"{PATH}/{response_id}", params={"stream": True})
            assert (refused.status_code, refused.json()["error"]["code"]) == (410, "events_dropped")

    asyncio.run(story())


def test_it_can_be_cancelled_once(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        broker.script = STORY[:3]
        async with running(broker) as client:
            response_id = (await client.post(PATH, json=BODY)).json()["id"]
            await asyncio.sleep(0.01)
            cancelled = (await client.post(f"{PATH}/{response_id}/cancel")).json()
            assert (cancelled["status"], cancelled["error"]) == ("cancelled", None)
            assert cancelled["output"][0]["content"][0]["text"] == "Once upon"
            assert (await client.post(f"{PATH}/{response_id}/cancel")).json() == cancelled
            events = await client.get(f"{PATH}/{response_id}", params={"stream": True})
            last = events_in(events.text)[-1]
            assert (last.kind, last.json["response"]) == ("response.failed", cancelled)
            broker.script = STORY
            plain = (await client.post(PATH, json={"input": "a"})).json()["id"]
            refused = await client.post(f"{PATH}/{plain}/cancel")
            assert refused.status_code == 400
            assert refused.json()["error"]["message"].startswith("response_id: expected a response in the background")

    asyncio.run(story())


def test_deleting_ends_it(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        broker.script = STORY[:3]
        async with running(broker) as client:
            response_id = (await client.post(PATH, json=BODY)).json()["id"]
            assert (await client.delete(f"{PATH}/{response_id}")).status_code == 200
            assert broker.cancelled == broker.jobs
            assert (await client.get(f"{PATH}/{response_id}")).status_code == 404
            assert (await client.get("/v1/jobs")).json()["data"] == []

    asyncio.run(story())


def test_it_is_refused_as_others_are(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(broker_in(tmp_path, refusal=QUEUE_FULL)) as client:
            assert (await client.post(PATH, json=BODY)).status_code == 429

    asyncio.run(story())


def test_it_does_not_wait_for_readers_and_does_not_count_as_kept_while_it_runs(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        changes = {"resume_timeout_s": 0.001, "resume_streams": 1, "resume_log_bytes": 100}
        broker.settings = broker.settings.model_copy(update=changes)
        broker.script = []
        async with running(broker) as client:
            ids = [(await client.post(PATH, json=BODY)).json()["id"] for _ in range(3)]
            await asyncio.sleep(0.02)
            for job in broker.jobs:
                for payload in STORY:
                    if isinstance(payload, Done):
                        job.move(JobState.DONE)
                    job.deliver(payload)
            assert [(await ended(client, one))["status"] for one in ids] == ["completed"] * 3

    asyncio.run(story())


def test_a_second_reader_takes_over_and_the_response_goes_on() -> None:
    broker = PacedBroker(script=STORY, allowed=2)
    with serving(broker) as url:
        response_id = httpx.post(f"{url}{PATH}", json=BODY).json()["id"]
        path = f"{PATH}/{response_id}?stream=true"
        with Connection(url, path) as first:
            first.read_events(3)
            with Connection(url, path) as second:
                broken = events_in(first.read_to_end())[-1]
                broker.allowed = 99
                whole = AssembledResponse(re.sub(r"^id: .*\n", "", second.read_to_end(), flags=re.MULTILINE))
    assert (broken.kind, broken.id) == ("error", None)
    assert (broken.json["type"], broken.json["code"]) == ("error", "taken_over")
    assert whole.response["status"] == "completed"


def left_by(broker: FakeBroker) -> Orphan:
    """What a worker has of the broker's only job."""
    (job,) = broker.jobs
    submit = Submit("wire", "run-1", 1, seed_of(job.request.work), ticket=job.request.ticket, keep_s=job.request.keep_s)
    return Orphan(submit, job.packed.frame, False)


@pytest.mark.parametrize("background", [True, False])
def test_the_next_run_of_the_router_stores_it(background: bool, tmp_path: Path) -> None:
    """Also a stream that can be resumed. It is the response that the first run would have made."""

    async def story() -> None:
        broker = broker_in(tmp_path)
        broker.script = []
        app = app_of(broker)  # never stopped: it dies
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://n") as client:
            if background:
                answer_id = (await client.post(PATH, json=BODY)).headers["X-Job-Id"]
            else:
                body, headers = {"input": "a", "stream": True}, {"X-Resumable": "true"}
                asking = asyncio.create_task(client.post(PATH, json=body, headers=headers))
                while not (entries := list(app.state.job_registry._entries)):  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0)
                (answer_id,) = entries
                await asyncio.sleep(0.01)
                asking.cancel()
            await app.state.answers._write()
            assert (await client.get(f"{PATH}/resp_{answer_id}")).json()["status"] in ("queued", "in_progress")
        later = broker_in(tmp_path, settled=False)
        async with running(later) as client:
            asking_early = asyncio.create_task(ended(client, f"resp_{answer_id}"))
            await asyncio.sleep(0)
            assert later.restore("smol-0", left_by(broker))
            response = await asking_early
            assert (response["status"], response["background"]) == ("completed", background)
            assert response["output"][0]["content"][0]["text"] == "Once upon a time"
            items = (await client.get(f"{PATH}/resp_{answer_id}/input_items")).json()["data"]
            assert items[0]["content"][0]["text"] == "a"
            await client.post(PATH, json={"input": "b", "previous_response_id": response["id"]})
        assert len(later.texts[-1].messages or []) == 3

    asyncio.run(story())


@pytest.mark.parametrize("same_server", [True, False])
def test_what_nobody_goes_on_with_has_failed(same_server: bool, tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        broker.script = []
        transport = httpx.ASGITransport(app=app_of(broker))
        async with httpx.AsyncClient(transport=transport, base_url="http://n") as client:
            response_id = (await client.post(PATH, json=BODY)).json()["id"]
        later = broker_in(tmp_path)
        if not same_server:
            later.settings = later.settings.model_copy(update={"run_folder": str(tmp_path / "other")})
        async with running(later) as client:
            response = (await client.get(f"{PATH}/{response_id}")).json()
            assert response["status"] == "failed"
            assert response["error"]["code"] == "server_error"
            assert "the server stopped before this answer was complete" in response["error"]["message"]
            assert (await client.post(f"{PATH}/{response_id}/cancel")).json() == response

    asyncio.run(story())


def test_one_that_finds_no_room_for_its_events_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ApiError(429, "too many streams")

    async def story() -> None:
        async with running(broker_in(tmp_path)) as client:
            monkeypatch.setattr("router.answers.registry.JobRegistry._make_room", refuse)
            answer = await client.post(PATH, json=BODY, headers={"X-Request-ID": "one"})
            assert answer.status_code == 429
            with sqlite3.connect(tmp_path / "answers.sqlite3") as stored:
                assert stored.execute("SELECT count(*) FROM answer").fetchone() == (0,)

    asyncio.run(story())
