"""LoRAs, control pictures and second passes, in all endpoints that paint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.wire.pictures import Hires, WantedLora
from tests.support.requests.images import CAT, INPUT, job_of, refused
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import FakeBroker

TEXT = ["/v1/txt2img", "/v1/images/generations"]
PICTURE = ["/v1/img2img", "/v1/images/edits"]
CONTROL = "data:image/png;base64," + in_base64(png(3))


@pytest.mark.parametrize("path", TEXT + PICTURE)
def test_loras_are_named_beside_the_prompt(broker: FakeBroker, path: str) -> None:
    loras = [{"name": "oil", "weight": 0.5}, {"name": "ink"}]
    job = job_of(broker, post(broker, path, {**INPUT, "loras": loras} if path in PICTURE else {**CAT, "loras": loras}))
    assert job.loras == [WantedLora("oil", 0.5), WantedLora("ink", 1.0)]


@pytest.mark.parametrize("path", TEXT)
def test_a_control_picture_is_a_file_of_the_job(broker: FakeBroker, path: str) -> None:
    wanted = {"control_image": CONTROL, "canny": True, "control_strength": 0.5}
    job = job_of(broker, post(broker, path, {**CAT, **wanted}))
    assert (job.init, job.control, job.canny, job.control_strength) == (None, 0, True, 0.5)
    assert broker.jobs[0].request.blobs == (png(3),)


def test_a_control_picture_comes_behind_the_other_pictures(broker: FakeBroker) -> None:
    job = job_of(broker, post(broker, "/v1/images/edits", {**INPUT, "mask": CONTROL, "control_image": CONTROL}))
    assert (job.init, job.mask, job.control) == (0, 1, 2)
    assert len(broker.jobs[0].request.blobs) == 3


def test_in_a_form_the_control_picture_is_a_file_and_lists_are_json(broker: FakeBroker) -> None:
    files = {"image": ("a.png", png(9)), "control_image": ("b.png", png(3))}
    data = {**CAT, "canny": "true", "loras": json.dumps([{"name": "oil"}])}
    job = job_of(broker, ask(broker, "POST", "/v1/img2img", files=files, data=data))
    assert (job.control, job.canny, job.loras) == (1, True, [WantedLora("oil", 1.0)])
    assert bytes(memoryview(broker.jobs[0].request.blobs[1])) == png(3)


def test_a_large_control_picture_is_no_text(broker: FakeBroker) -> None:
    large = in_base64(png(3) + bytes(3_000_000))
    assert job_of(broker, post(broker, "/v1/images/generations", {**CAT, "control_image": large})).control == 0


@pytest.mark.parametrize("path", TEXT)
def test_a_second_pass_is_described(broker: FakeBroker, path: str) -> None:
    hires = {"scale": 1.5, "steps": 7, "strength": 0.3, "upscaler": "latent_bicubic"}
    assert job_of(broker, post(broker, path, {**CAT, "hires": hires})).hires == Hires(1.5, 7, 0.3, "latent_bicubic")
    assert job_of(broker, post(broker, path, {**CAT, "hires": {}})).hires == Hires(2.0, None, 0.7, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"loras": [{"name": "a", "weight": 11}]}, "loras.0.weight: expected at most 10, got 11"),
        ({"loras": [{}]}, "loras.0.name is required"),
        ({"loras": "oil"}, "loras: expected JSON, got 'oil'"),
        ({"hires": {"scale": 1}}, "hires.scale: expected more than 1, got 1"),
        ({"hires": {"upscaler": "best"}}, "hires.upscaler: expected "),
        ({"canny": True}, "canny: expected control_image with it, got none"),
        ({"control_image": "../a.png"}, "control_image: expected a path without '..', got '../a.png'"),
        ({"control_strength": -1}, "control_strength: expected at least 0, got -1"),
    ],
)
def test_a_refusal_names_the_field(broker: FakeBroker, fields: dict[str, Any], message: str) -> None:
    answer = post(broker, "/v1/images/generations", {**CAT, **fields})
    param = message.partition(":")[0].partition(" ")[0]
    assert refused(broker, answer, param).startswith(message)
