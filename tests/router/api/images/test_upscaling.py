"""Larger copies of pictures."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from shared.wire.jobs import UpscaleJob
from tests.support.event_stream import chunks_in
from tests.support.requests.a1111 import IMAGE_MODELS, naming_broker
from tests.support.requests.images import image_broker, refused
from tests.support.requests.pictures import in_base64, painted_or_enlarged, png
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import FakeBroker

PATH = "/v1/images/upscale"
PHOTO = {"image_path": in_base64(png(9, 64))}


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    made = image_broker(output_folder=str(tmp_path / "images"), media_folder=str(tmp_path / "media"))
    made.script = painted_or_enlarged
    return made


def test_a_picture_comes_back_larger(broker: FakeBroker) -> None:
    answer = post(broker, PATH, {**PHOTO, "scale": 2, "output_format": "webp", "output_compression": 80})
    (entry,) = answer.json()["data"]
    assert base64.b64decode(entry["b64_json"]) == png(5, 4)
    assert broker.jobs[0].request.work == UpscaleJob(scale=2.0, format="webp", compression=80)
    assert broker.jobs[0].request.blobs == (png(9, 64),)


def test_in_a_form_it_is_a_file(broker: FakeBroker) -> None:
    answer = ask(broker, "POST", PATH, files={"image": ("a.png", png(9))}, data={"response_format": "url"})
    (entry,) = answer.json()["data"]
    assert ask(broker, "GET", entry["url"]).content == png(5, 4)
    assert broker.jobs[0].request.work == UpscaleJob()


def test_a_stream_has_the_picture(broker: FakeBroker) -> None:
    events = chunks_in(post(broker, PATH, {**PHOTO, "stream": True}).text)
    assert [event["type"] for event in events] == ["image_upscale.completed"]


def test_the_first_model_with_an_upscaler_does_it() -> None:
    able = IMAGE_MODELS[1].model_copy(update={"upscaler": "/models/esrgan.pth"})
    broker = naming_broker(IMAGE_MODELS[0], able)
    broker.script = painted_or_enlarged
    assert post(broker, PATH, PHOTO).status_code == 200
    assert post(broker, PATH, {**PHOTO, "model": "sd1-5"}).status_code == 200
    assert [job.request.model for job in broker.jobs] == ["sdxl", "sd1-5"]


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({}, "image_path", "image_path is required, or in a form the file image"),
        ({**PHOTO, "scale": 9}, "scale", "scale: expected at most 8, got 9"),
        ({**PHOTO, "output_compression": 5}, "output_compression", "output_compression: expected the output_format"),
    ],
)
def test_a_refusal_names_the_field(broker: FakeBroker, body: dict[str, Any], param: str, message: str) -> None:
    assert refused(broker, post(broker, PATH, body), param).startswith(message)
