"""What a picture's file tells, for Automatic1111's clients."""

from __future__ import annotations

import base64

import pytest

from shared.wire.jobs import ImageJob
from shared.wire.payloads import Picture
from tests.support.requests.a1111 import painted_with_parameters
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import post
from tests.support.router.fake_broker import FakeBroker

PATH = "/sdapi/v1/png-info"


def test_a_picture_tells_what_it_was_painted_with(broker: FakeBroker) -> None:
    job = ImageJob("a cat", negative_prompt="rain", width=64, height=128, steps=3, cfg_scale=7.0, seed=5)
    picture = next(payload for payload in painted_with_parameters(job) if isinstance(payload, Picture))
    told = post(broker, PATH, {"image": base64.b64encode(picture.file).decode()}).json()
    assert told["info"].startswith("a cat\nNegative prompt: rain\nSteps: 3, ")
    assert told["items"] == {}
    assert told["parameters"] == {
        "Prompt": "a cat",
        "Negative prompt": "rain",
        "Steps": "3",
        "Sampler": "euler_a",
        "CFG scale": "7.0",
        "Seed": "5",
        "Size-1": "64",
        "Size-2": "128",
        "Model": "sd1-5",
    }


@pytest.mark.parametrize("image", [in_base64(png()), "data:image/png;base64," + in_base64(png()), in_base64(b"GIF89a")])
def test_a_picture_without_parameters_tells_nothing(broker: FakeBroker, image: str) -> None:
    assert post(broker, PATH, {"image": image}).json() == {"info": "", "items": {}, "parameters": {}}


@pytest.mark.parametrize("image", ["/etc/passwd", "http://127.0.0.1/", "?"])
def test_a_picture_is_base64(broker: FakeBroker, image: str) -> None:
    answer = post(broker, PATH, {"image": image})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("image: expected base64")
