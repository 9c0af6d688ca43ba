"""Larger copies of pictures for Automatic1111's clients."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from shared.wire.jobs import UpscaleJob
from tests.support.requests.a1111 import IMAGE_MODELS, naming_broker
from tests.support.requests.pictures import in_base64, painted_or_enlarged, png
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import FakeBroker

SINGLE = "/sdapi/v1/extra-single-image"
PHOTO = in_base64(png(9, 64))


@pytest.fixture
def broker() -> FakeBroker:
    able = IMAGE_MODELS[1].model_copy(update={"upscaler": "/models/4x-esrgan.pth"})
    made = naming_broker(IMAGE_MODELS[0], able)
    made.script = painted_or_enlarged
    return made


def test_the_upscalers_of_models_are_listed_by_their_files_names(broker: FakeBroker) -> None:
    rows = ask(broker, "GET", "/sdapi/v1/upscalers").json()
    assert [row["name"] for row in rows] == ["None", "Lanczos", "Nearest", "4x-esrgan"]


@pytest.mark.parametrize(
    ("fields", "scale"),
    [
        ({}, 2.0),
        ({"upscaler_1": "4x-esrgan", "upscaling_resize": 3}, 3.0),
        ({"resize_mode": 1, "upscaling_resize_w": 256, "upscaling_resize_h": 128}, 2.0),
    ],
)
def test_a_picture_comes_back_larger(broker: FakeBroker, fields: dict[str, Any], scale: float) -> None:
    answer = post(broker, SINGLE, {"image": PHOTO, **fields})
    assert base64.b64decode(answer.json()["image"]) == png(5, 4)
    assert (broker.jobs[0].request.work, broker.jobs[0].request.model) == (UpscaleJob(scale=scale), "sdxl")


def test_several_pictures_come_back_in_their_order(broker: FakeBroker) -> None:
    files = [{"data": PHOTO, "name": "a.png"}, {"data": f"data:image/png;base64,{PHOTO}", "name": "b.png"}]
    answer = post(broker, "/sdapi/v1/extra-batch-images", {"imageList": files})
    assert len(answer.json()["images"]) == len(broker.jobs) == 2


def test_what_cannot_be_done_is_named(broker: FakeBroker) -> None:
    answer = post(broker, SINGLE, {"image": PHOTO, "gfpgan_visibility": 0.5, "codeformer_visibility": 0})
    assert answer.headers["X-Nexa-Warning"] == "gfpgan_visibility: not supported, left out"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"upscaler_1": "R-ESRGAN 4x+"}, "upscaler_1: expected one of 4x-esrgan, got 'R-ESRGAN 4x+'"),
        ({"upscaling_resize": 100}, "upscaling_resize: expected at most 8, got 100"),
        ({"image": "?"}, "image: expected base64"),
    ],
)
def test_errors_name_the_clients_fields(broker: FakeBroker, fields: dict[str, Any], message: str) -> None:
    answer = post(broker, SINGLE, {"image": PHOTO, **fields})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(message)
