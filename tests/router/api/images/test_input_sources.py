"""Input pictures and masks by all the names that JSON bodies have for them, and what a request is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.wire.jobs import ImageJob
from shared.wire.payloads import Done, FinishReason, Payload, Picture, Started
from tests.support.requests.images import CAT, job_of, refused
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import post
from tests.support.router.fake_broker import FakeBroker

ONE, TWO, MASK = (in_base64(png(grey)) for grey in (1, 2, 3))
URL = f"data:image/png;base64,{ONE}"


@pytest.mark.parametrize(
    ("given", "greys", "places"),
    [
        ({"image_path": ONE}, [1], (0, [], None)),
        ({"image": ONE}, [1], (0, [], None)),
        ({"image": [URL]}, [1], (0, [], None)),
        ({"image": [ONE, TWO]}, [1, 2], (0, [1], None)),
        ({"images": [{"image_url": URL}, {"image_url": TWO}]}, [1, 2], (0, [1], None)),
        ({"images": [ONE]}, [1], (0, [], None)),
        ({"image": ONE, "mask": MASK}, [1, 3], (0, [], 1)),
        ({"image": [ONE, TWO], "mask": {"image_url": MASK}}, [1, 2, 3], (0, [1], 2)),
        ({"image": ONE, "mask_path": MASK}, [1, 3], (0, [], 1)),
    ],
)
@pytest.mark.parametrize("path", ["/v1/img2img", "/v1/images/edits"])
def test_pictures_in_json(
    broker: FakeBroker, path: str, given: dict[str, Any], greys: list[int], places: tuple[int, list[int], int | None]
) -> None:
    job = job_of(broker, post(broker, path, {**CAT, **given}))
    assert (job.init, job.references, job.mask) == places
    assert broker.jobs[-1].request.blobs == tuple(map(png, greys))


@pytest.mark.parametrize(
    ("given", "param", "told"),
    [
        ({"image_path": ONE, "image": ONE}, "image", "either image_path or image"),
        ({"image": ONE, "images": [ONE]}, "images", "either image or images"),
        ({"image": ONE, "mask": MASK, "mask_path": MASK}, "mask", "either mask_path or mask"),
        ({"image": [ONE] * 17}, "image", "at most 16 pictures, got 17"),
        ({"images": [{"image_url": ONE}] * 17}, "images", "at most 16 pictures, got 17"),
        ({"images": [{"file_id": "file-1"}]}, "images.0.file_id", "image_url instead"),
        ({"images": [{}]}, "images.0.image_url", "required"),
        ({"image": []}, "image_path", "required"),
        ({"image": ["../photo.png"]}, "image", "'..'"),
        ({"image": ONE, "mask": {"image_url": "ftp://x/y"}}, "mask.image_url", "scheme"),
    ],
)
def test_pictures_that_are_refused(broker: FakeBroker, given: dict[str, Any], param: str, told: str) -> None:
    assert told in refused(broker, post(broker, "/v1/images/edits", {**CAT, **given}), param)


def test_a_soft_edge_reaches_the_job(broker: FakeBroker) -> None:
    body = {**CAT, "image": ONE, "mask": MASK, "mask_blur": 4}
    assert job_of(broker, post(broker, "/v1/img2img", body)).mask_blur == 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"steps": 5}, {"steps": 5}),
        ({"num_inference_steps": 5, "sample_steps": 5}, {"steps": 5}),
        ({"guidance_scale": 3.5}, {"guidance_scale": 3.5, "cfg_scale": None}),
        ({"guidance": 3, "flow_shift": 1.5}, {"guidance": 3, "flow_shift": 1.5}),
        ({"sampler": "DPM++ 2M Karras"}, {"sampler": "dpm++2m", "scheduler": "karras"}),
        ({"sampler_name": "Euler a", "scheduler": "SGM Uniform"}, {"sampler": "euler_a", "scheduler": "sgm_uniform"}),
    ],
)
def test_common_names_of_other_front_ends(broker: FakeBroker, given: dict[str, Any], expected: dict[str, Any]) -> None:
    response = post(broker, "/v1/txt2img", {**CAT, **given})
    job = job_of(broker, response)
    assert {name: getattr(job, name) for name in expected} == expected
    assert "X-Nexa-Warning" not in response.headers


def warned(job: ImageJob) -> list[Payload]:
    picture = Picture(job.seed, 64, 64, png(), warnings=["prompt: half of the LoRA fits"])
    return [Started(0, 0), picture, Done(FinishReason.STOP, 0, 0, 0, 0.1)]


def test_what_a_worker_tells_is_in_the_header_in_native_answers_and_in_streams(broker: FakeBroker) -> None:
    broker.script = warned
    told = "prompt: half of the LoRA fits"
    native = post(broker, "/v1/txt2img", {**CAT, "n": 2})
    assert (native.headers["X-Nexa-Warning"], native.json()["warnings"]) == (told, [told])
    openai = post(broker, "/v1/images/generations", CAT)
    assert openai.headers["X-Nexa-Warning"] == told
    assert "warnings" not in openai.json()
    lines = post(broker, "/v1/images/generations", {**CAT, "stream": True}).text.split("\n\n")
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    assert [event["warnings"] for event in events if event["type"].endswith(".completed")] == [[told]]


def test_many_unknown_fields_are_counted(broker: FakeBroker) -> None:
    body = {**CAT, **{f"unknown_{number}": number for number in range(12)}}
    warning = post(broker, "/v1/txt2img", body).headers["X-Nexa-Warning"]
    assert warning.startswith("unknown_0: this server has no such field; unknown_1: ")
    assert warning.endswith("and 2 more unknown fields")
