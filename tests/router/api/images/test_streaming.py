"""The image endpoints' answers as event streams."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from router.images.store import ImageStore
from shared.wire.payloads import Failed, Picture, Progress, Started
from tests.support.event_stream import chunks_in
from tests.support.requests.images import CAT, INPUT, image_broker
from tests.support.requests.pictures import png
from tests.support.router.client import http_client, post, serving, wait_until
from tests.support.router.fake_broker import FakeBroker

STREAM = {**CAT, "stream": True}


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    return image_broker(output_folder=str(tmp_path))


def streamed(broker: FakeBroker, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = post(broker, path, body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    return chunks_in(response.text)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/txt2img", "image_generation"),
        ("/v1/images/generations", "image_generation"),
        ("/v1/img2img", "image_edit"),
    ],
)
def test_events_come_in_the_order_of_the_work(broker: FakeBroker, path: str, kind: str) -> None:
    body = INPUT if kind == "image_edit" else CAT
    events = streamed(broker, path, {**body, "stream": True, "n": 2, "sample_steps": 3, "previews": 1})
    assert {event["type"].split(".")[0] for event in events} == {kind}
    assert [(event["type"].split(".")[1], event.get("step", event.get("index"))) for event in events] == [
        ("progress", 1),
        ("partial_image", 1),
        ("progress", 2),
        ("progress", 3),
        ("completed", 0),
        ("progress", 4),
        ("partial_image", 4),
        ("progress", 5),
        ("progress", 6),
        ("completed", 1),
    ]


def test_progress(broker: FakeBroker) -> None:
    first, *_ = streamed(broker, "/v1/txt2img", {**STREAM, "sample_steps": 2})
    assert first == {"type": "image_generation.progress", "step": 1, "steps": 2}


def test_previews_are_counted_for_each_picture(broker: FakeBroker) -> None:
    body = {**STREAM, "n": 2, "sample_steps": 4, "partial_images": 2, "size": "64x128"}
    previews = [event for event in streamed(broker, "/v1/txt2img", body) if "partial_image_index" in event]
    assert [(event["index"], event["partial_image_index"], event["step"]) for event in previews] == [
        (0, 0, 1),
        (0, 1, 2),
        (1, 0, 5),
        (1, 1, 6),
    ]
    assert [base64.b64decode(event["b64_json"]) for event in previews] == [png(step) for step in (1, 2, 1, 2)]
    assert {(event["size"], event["steps"], event["output_format"]) for event in previews} == {
        ("1x1", 8, "png")  # the size of the worker's previews
    }


def test_steps_count_over_pictures_that_are_painted_at_the_same_time(broker: FakeBroker) -> None:
    broker.in_turn = False
    events = streamed(broker, "/v1/txt2img", {**STREAM, "n": 2, "sample_steps": 3, "previews": 1, "seed": 4})
    steps = [(event["step"], event["steps"]) for event in events if event["type"] == "image_generation.progress"]
    assert steps == [(step, 6) for step in range(1, 7)]
    previews = [event for event in events if event["type"] == "image_generation.partial_image"]
    assert sorted((event["index"], event["partial_image_index"]) for event in previews) == [(0, 0), (1, 0)]
    done = [event for event in events if event["type"] == "image_generation.completed"]
    assert sorted((event["index"], event["seed"]) for event in done) == [(0, 4), (1, 5)]


def test_a_finished_picture(broker: FakeBroker, tmp_path: Path) -> None:
    (done,) = streamed(broker, "/v1/txt2img", {**STREAM, "sample_steps": 1, "seed": 3, "size": "64x128"})[1:]
    assert done["type"] == "image_generation.completed"
    assert (done["index"], done["seed"], done["size"], done["output_format"]) == (0, 3, "64x128", "png")
    assert done["base64"] == done["b64_json"]
    assert base64.b64decode(done["b64_json"]) == png(0, 8)
    assert (tmp_path / urlsplit(done["url"]).path.removeprefix("/v1/images/")).read_bytes() == png(0, 8)
    assert done["created_at"] > 1_700_000_000


def test_openais_finished_picture_is_there_once(broker: FakeBroker, tmp_path: Path) -> None:
    done = streamed(broker, "/v1/images/generations", STREAM)[-1]
    assert base64.b64decode(done["b64_json"]) == png(0, 8)
    assert not {"url", "base64"} & set(done)
    assert list(tmp_path.iterdir()) == []
    done = streamed(broker, "/v1/images/generations", {**STREAM, "response_format": "url"})[-1]
    assert urlsplit(done["url"]).netloc == "nexa"
    assert not {"b64_json", "base64"} & set(done)


def test_only_the_address_if_that_is_asked_for(broker: FakeBroker) -> None:
    done = streamed(broker, "/v1/txt2img", {**STREAM, "response_format": "url"})[-1]
    assert done["url"]
    assert not {"b64_json", "base64"} & set(done)


def test_an_error_that_comes_first_has_its_own_status(broker: FakeBroker) -> None:
    broker.script = [Failed(415, "image: it is no picture", "image")]
    assert post(broker, "/v1/txt2img", STREAM).status_code == 415


def test_a_later_error_is_an_event_that_ends_the_stream(broker: FakeBroker) -> None:
    broker.script = [Started(0, 0), Progress(1, 2), Failed(500, "the worker died twice")]
    text = post(broker, "/v1/txt2img", STREAM).text
    assert '"type":"image_generation.progress"' in text
    assert text.endswith("}\n\n")
    assert "event: error\n" in text
    assert "the worker died twice" in text


def test_an_address_that_cannot_be_given_ends_the_stream_and_the_job(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    broker = image_broker(output_folder=str(tmp_path / "file"))
    broker.script = [Started(0, 0), Progress(1, 2), Picture(0, 64, 64, png())]
    text = post(broker, "/v1/txt2img", {**STREAM, "n": 2, "response_format": "url"}).text
    assert "event: error\n" in text
    assert "cannot be saved" in text
    assert broker.cancelled == broker.jobs


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_the_job(broker: FakeBroker, stream: bool) -> None:
    broker.script = [Started(0, 0), Progress(1, 20)]
    with serving(broker) as url:
        with contextlib.suppress(httpx.ReadTimeout), httpx.Client(base_url=url) as client:
            body = {**CAT, "stream": stream, "n": 3}
            with client.stream("POST", "/v1/txt2img", json=body, timeout=httpx.Timeout(10.0, read=0.3)) as answer:
                next(answer.iter_lines())
        wait_until(lambda: broker.cancelled)
        assert broker.cancelled == broker.jobs
        assert len(broker.jobs) == 3


def test_a_client_that_goes_away_ends_the_fetching_of_its_input(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []

    async def fetch(*_: object) -> bytes:
        try:
            waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            return await waiting
        finally:
            ended.append(True)

    monkeypatch.setattr("router.images.input.fetch_image", fetch)
    with serving(broker) as url:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/v1/img2img", json={**CAT, "image_path": "http://example.org/a.png"}, timeout=0.3)
        wait_until(lambda: ended)
    assert broker.jobs == []


def test_the_event_loop_goes_on_while_a_picture_is_saved(broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving waits for an event that only the event loop sets."""
    saving, resume = threading.Event(), threading.Event()

    def save(self: ImageStore, data: bytes, format: str) -> str:
        saving.set()
        if not resume.wait(10):
            raise OSError("the loop stood still")
        return "name.png"

    monkeypatch.setattr(ImageStore, "save", save)

    async def go() -> str:
        async with http_client(broker) as client:
            asking = asyncio.ensure_future(client.post("/v1/txt2img", json=STREAM))
            await asyncio.to_thread(saving.wait, 10)
            resume.set()
            return (await asking).text

    assert urlsplit(chunks_in(asyncio.run(go()))[-1]["url"]).path == "/v1/images/name.png"
