"""Progress of the caller's pictures, and their end before its time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from shared.wire.jobs import ImageJob
from shared.wire.payloads import Payload, Progress, Started
from tests.support.requests.images import CAT
from tests.support.requests.pictures import painted, png
from tests.support.router.client import ask, http_client
from tests.support.router.fake_broker import FakeBroker

TXT2IMG = "/sdapi/v1/txt2img"
THREE = {**CAT, "seed": 0, "batch_size": 3, "steps": 4}

Talk = Callable[[httpx.AsyncClient, "asyncio.Task[httpx.Response]"], Awaitable[None]]


def stuck_from(number: int) -> Callable[[ImageJob], list[Payload]]:
    """Pictures are painted up to this one, which stops at its second step of four."""

    def events(job: ImageJob) -> list[Payload]:
        return painted(job) if job.seed < number else [Started(0, 0), Progress(2, 4, png(2))]

    return events


def meanwhile(broker: FakeBroker, talk: Talk) -> httpx.Response:
    """The answer to a request for three pictures, during which ``talk`` is called once the last two are half done."""
    broker.script, broker.in_turn = stuck_from(1), False

    async def go() -> httpx.Response:
        async with http_client(broker) as client:
            painting = asyncio.ensure_future(client.post(TXT2IMG, json=THREE))
            async with asyncio.timeout(10):
                while (await client.get("/sdapi/v1/progress")).json()["state"]["sampling_step"] != 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                await talk(client, painting)
                return await painting

    return asyncio.run(go())


def test_progress_counts_over_all_pictures(broker: FakeBroker) -> None:
    seen: list[dict[str, Any]] = []

    async def look(client: httpx.AsyncClient, painting: asyncio.Task[httpx.Response]) -> None:
        seen.append((await client.get("/sdapi/v1/progress")).json())
        seen.append((await client.get("/sdapi/v1/progress?skip_current_image=true")).json())
        await client.post("/sdapi/v1/interrupt")

    meanwhile(broker, look)
    first, without_image = seen
    assert first["state"] == {
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
        "job": "picture 2 of 3",
        "job_count": 3,
        "job_timestamp": first["state"]["job_timestamp"],
        "job_no": 1,
        "sampling_step": 2,
        "sampling_steps": 4,
    }
    assert first["progress"] == pytest.approx(2 / 3)
    assert base64.b64decode(first["current_image"]) == png(2)
    assert without_image["current_image"] is None


def test_without_requests_there_is_nothing_to_do(broker: FakeBroker) -> None:
    told = ask(broker, "GET", "/sdapi/v1/progress").json()
    assert (told["progress"], told["state"]["job_count"], told["current_image"]) == (0.0, 0, None)


def test_an_interrupted_request_has_the_pictures_that_were_finished(broker: FakeBroker) -> None:
    async def interrupt(client: httpx.AsyncClient, painting: asyncio.Task[httpx.Response]) -> None:
        assert (await client.post("/sdapi/v1/interrupt")).json() == {}

    answer = meanwhile(broker, interrupt)
    assert (answer.status_code, len(answer.json()["images"])) == (200, 1)
    assert len(broker.cancelled) == 2


def test_a_skipped_picture_is_left_out(broker: FakeBroker) -> None:
    async def skip(client: httpx.AsyncClient, painting: asyncio.Task[httpx.Response]) -> None:
        for _ in range(2):
            assert not painting.done()
            assert (await client.post("/sdapi/v1/skip")).status_code == 200

    answer = meanwhile(broker, skip)
    assert (answer.status_code, len(answer.json()["images"])) == (200, 1)


def test_a_request_that_is_interrupted_before_its_first_picture_is_an_error(broker: FakeBroker) -> None:
    broker.script = stuck_from(0)

    async def go() -> httpx.Response:
        async with http_client(broker) as client:
            painting = asyncio.ensure_future(client.post(TXT2IMG, json=CAT))
            while not broker.jobs:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            await client.post("/sdapi/v1/interrupt")
            return await painting

    answer = asyncio.run(go())
    assert (answer.status_code, answer.json()["detail"]) == (
        499,
        "this request was interrupted before its first picture was finished",
    )


def test_other_requests_of_the_same_user_go_on(broker: FakeBroker) -> None:
    broker.script = stuck_from(0)

    async def go() -> None:
        async with http_client(broker) as client:
            painting = asyncio.ensure_future(client.post("/v1/txt2img", json=CAT))
            while not broker.jobs:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            await client.post("/sdapi/v1/interrupt")
            assert (await client.get("/sdapi/v1/progress")).json()["state"]["job_count"] == 0
            painting.cancel()

    asyncio.run(go())
    assert not broker.jobs[0].ended or broker.cancelled == broker.jobs


@pytest.mark.parametrize("path", ["/sdapi/v1/interrupt", "/sdapi/v1/skip"])
def test_web_pages_of_other_origins_cannot_stop_pictures(broker: FakeBroker, path: str) -> None:
    answer = ask(broker, "POST", path, headers={"Origin": "http://elsewhere.example"})
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("Origin: expected none, or this server's own")
