"""Pictures through OpenAI's own client."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from shared.wire.jobs import ImageJob
from tests.support.requests.images import image_broker
from tests.support.requests.pictures import png
from tests.support.router.client import serving
from tests.support.router.fake_broker import FakeBroker


@pytest.fixture(autouse=True)
def _drawn_seed_is_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.schemas.images.request.secrets.randbelow", lambda bound: 7)


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    return image_broker(output_folder=str(tmp_path))


@pytest.fixture
def client(broker: FakeBroker) -> Iterator[openai.OpenAI]:
    with serving(broker) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_pictures(client: openai.OpenAI, broker: FakeBroker) -> None:
    answer = client.images.generate(
        model="smol", prompt="a cat", n=2, size="256x256", response_format="b64_json", quality="standard"
    )
    assert [base64.b64decode(image.b64_json or "") for image in answer.data or []] == [png(0, 8)] * 2
    assert answer.size == "256x256"
    assert answer.output_format == "png"
    work = broker.jobs[0].request.work
    assert isinstance(work, ImageJob)
    assert (work.width, work.seed) == (256, 7)
    assert len(broker.jobs) == 2


def test_a_picture_by_its_address(client: openai.OpenAI) -> None:
    answer = client.images.generate(model="smol", prompt="a cat", response_format="url")
    (image,) = answer.data or []
    assert image.b64_json is None
    assert (image.url or "").startswith(str(client.base_url.join("/v1/images/")))
    fetched = httpx.get(image.url or "")
    assert fetched.content == png(0, 8)
    head = httpx.head(image.url or "")
    assert (head.status_code, head.content) == (200, b"")


def test_a_streamed_picture(client: openai.OpenAI) -> None:
    stream = client.images.generate(prompt="a cat", stream=True, partial_images=2, extra_body={"sample_steps": 4})
    events = [
        event for event in stream if event.type in ("image_generation.partial_image", "image_generation.completed")
    ]
    assert [getattr(event, "partial_image_index", None) for event in events] == [0, 1, None]
    done = events[-1]
    assert done.type == "image_generation.completed"
    assert base64.b64decode(done.b64_json) == png(0, 8)
    assert (done.size, done.output_format, done.usage.total_tokens) == ("64x64", "png", 0)


def test_an_edited_picture(client: openai.OpenAI, broker: FakeBroker) -> None:
    answer = client.images.edit(
        image=("photo.png", png(9)), mask=("mask.png", png(4)), prompt="a cat", size="512x512", n=1
    )
    (image,) = answer.data or []
    assert base64.b64decode(image.b64_json or "") == png(0, 8)
    assert broker.jobs[0].request.blobs == (png(9), png(4))


def test_an_edited_picture_that_is_streamed(client: openai.OpenAI) -> None:
    stream = client.images.edit(image=[png(9)], prompt="a cat", stream=True, partial_images=1)
    kinds = [event.type for event in stream if "progress" not in event.type]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"]


def test_refusals(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"size: expected .*, got '10x10'"):
        client.images.generate(prompt="a cat", size="10x10")
    with pytest.raises(openai.BadRequestError, match="image: expected at most 16 pictures, got 17"):
        client.images.edit(image=[png(1)] * 17, prompt="a cat")
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model="other", prompt="a cat")
