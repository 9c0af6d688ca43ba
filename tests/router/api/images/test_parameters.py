"""What a JSON body asks for becomes an image job, or is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from shared.wire.jobs import ImageJob
from tests.support.requests.images import CAT, INPUT, image_broker, job_of, refused
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import post
from tests.support.router.fake_broker import MODEL, FakeBroker

DOCUMENTED: dict[str, Any] = {
    "prompt": "A girl, standing in a field of flowers, vivid",
    "image_path": "",
    "cfg_scale": 7,
    "width": 256,
    "height": 256,
    "sample_steps": 20,
    "seed": 0,
    "negative_prompt": "",
}
MAX_PIXELS = 1024 * 1024
WORDS = ["/v1/txt2img", "/v1/images/generations"]


def body_of(path: str) -> dict[str, Any]:
    return INPUT if path == "/v1/img2img" else CAT


def image_job(broker: FakeBroker, path: str, body: dict[str, Any]) -> ImageJob:
    """The job that a body becomes."""
    return job_of(broker, post(broker, path, body))


def refusal(broker: FakeBroker, path: str, body: Any, param: str, status: int = 400) -> str:
    """The message that refuses a body."""
    return refused(broker, post(broker, path, body), param, status)


def test_the_documented_body_and_its_defaults_are_one_job(broker: FakeBroker) -> None:
    expected = ImageJob(
        prompt=DOCUMENTED["prompt"],
        negative_prompt="",
        width=256,
        height=256,
        steps=20,
        cfg_scale=7,
        seed=0,
        init=None,
        previews=0,
        native=True,
        max_pixels=MAX_PIXELS,
    )
    assert image_job(broker, "/v1/txt2img", DOCUMENTED) == expected
    open_fields: dict[str, Any] = {"width": 0, "height": 0, "steps": None, "cfg_scale": None}
    assert image_job(broker, "/v1/txt2img", {"prompt": DOCUMENTED["prompt"]}) == replace(expected, **open_fields)
    assert broker.jobs[-1].request.blobs == ()


def test_an_open_seed_is_drawn_before_the_job_is_sent_and_told(broker: FakeBroker) -> None:
    answer = post(broker, "/v1/txt2img", {**CAT, "seed": -1, "n": 2}).json()
    works = [job.request.work for job in broker.jobs]
    assert [work.seed for work in works if isinstance(work, ImageJob)] == [7, 8]
    assert [entry["seed"] for entry in answer["data"]] == [7, 8]


def test_openai_s_defaults(broker: FakeBroker) -> None:
    expected = ImageJob(prompt="a cat", seed=7, max_pixels=MAX_PIXELS, may_enlarge=True)
    assert image_job(broker, "/v1/images/generations", CAT) == expected
    everything = {
        "quality": "auto",
        "style": "vivid",
        "background": "auto",
        "moderation": "low",
        "output_compression": 100,
        "output_format": "png",
        "size": "auto",
        "user": "me",
        "n": 1,
        "response_format": "b64_json",
        "model": None,
    }
    assert image_job(broker, "/v1/images/generations", {**CAT, **everything}) == expected
    small = MODEL.model_copy(update={"max_image_side": 320})
    assert image_job(image_broker(models=(small,)), "/v1/images/generations", CAT).max_pixels == 320 * 320


def test_every_parameter_reaches_the_job(broker: FakeBroker) -> None:
    given = {
        "prompt": "ein Haus 🏠\n",
        "negative_prompt": "fog",
        "width": 64,
        "height": 1024,
        "sample_steps": 2,
        "cfg_scale": 1.5,
        "seed": 2**40,
        "sampler": "dpm++2m",
        "scheduler": "karras",
        "clip_skip": 2,
        "previews": 2,
        "stream": True,
    }
    for path in WORDS:
        assert image_job(broker, path, given) == ImageJob(
            prompt="ein Haus 🏠\n",
            negative_prompt="fog",
            width=64,
            height=1024,
            steps=2,
            cfg_scale=1.5,
            seed=2**40,
            sampler="dpm++2m",
            scheduler="karras",
            clip_skip=2,
            previews=2,
            native=path == "/v1/txt2img",
            may_enlarge=path != "/v1/txt2img",
            max_pixels=MAX_PIXELS,
        )


@pytest.mark.parametrize("name", ["sampler", "sampler_name", "sample_method"])
def test_the_names_of_the_sampler(broker: FakeBroker, name: str) -> None:
    assert image_job(broker, "/v1/txt2img", {**CAT, name: "euler_a"}).sampler == "euler_a"


def test_sizes_in_openai_s_form(broker: FakeBroker) -> None:
    for path in WORDS:
        job = image_job(broker, path, {**CAT, "size": "128x64"})
        assert (job.width, job.height) == (128, 64)
        job = image_job(broker, path, {**CAT, "size": "128x64", "width": 128, "height": 64})
        assert (job.width, job.height) == (128, 64)
        job = image_job(broker, path, {**CAT, "size": "auto", "width": 64, "height": 128})
        assert (job.width, job.height) == (64, 128)
    assert image_job(broker, "/v1/txt2img", {**CAT, "size": "auto"}).width == 0


@pytest.mark.parametrize("path", ["/v1/txt2img", "/v1/img2img", "/v1/images/generations"])
@pytest.mark.parametrize(
    ("changes", "param", "told"),
    [
        ({"prompt": None}, "prompt", "required"),
        ({"prompt": 5}, "prompt", "string"),
        ({"prompt": "a\0b"}, "prompt", "NUL"),
        ({"prompt": "a" * 32_001}, "prompt", "32000"),
        ({"negative_prompt": "\0"}, "negative_prompt", "NUL"),
        ({"width": 63}, "width", "width: expected 64 to 4096 pixels per side, got 63"),
        ({"height": 0}, "height", "64 to 4096"),
        ({"height": -64}, "height", "64 to 4096"),
        ({"width": 4097}, "width", "64 to 4096"),
        ({"width": 256.5}, "width", "integer"),
        ({"width": "256"}, "width", "integer"),
        ({"width": True}, "width", "integer"),
        ({"size": "63x128"}, "size", "got '63x128'"),
        ({"size": "2112x2048"}, "size", " pixels, got 2112x2048"),
        ({"size": "0x0"}, "size", "64 to 4096"),
        ({"size": "big"}, "size", "512x512"),
        ({"size": "128"}, "size", "512x512"),
        ({"size": "128x128x128"}, "size", "512x512"),
        ({"size": "\u0661\u0662\u0668x128"}, "size", "512x512"),
        ({"size": 512}, "size", "string"),
        ({"size": "128x128", "width": 64}, "size", "expected the same value as"),
        ({"size": "128x128", "height": 256}, "size", "expected the same value as"),
        ({"sample_steps": 0}, "sample_steps", "at least 1"),
        ({"sample_steps": 151}, "sample_steps", "at most 150"),
        ({"cfg_scale": -0.1}, "cfg_scale", "0"),
        ({"cfg_scale": 30.1}, "cfg_scale", "30"),
        ({"seed": -2}, "seed", "-1"),
        ({"seed": 2**63 - 1}, "seed", "at most"),
        ({"n": 0}, "n", "1"),
        ({"n": 11}, "n", "10"),
        ({"sampler": "Euler b"}, "sampler", ", ".join(SAMPLERS)),
        ({"sample_method": ""}, "sample_method", ", ".join(SAMPLERS)),
        ({"sampler": "euler", "sampler_name": "lcm"}, "sampler_name", "expected the same value as"),
        ({"scheduler": "none"}, "scheduler", ", ".join(SCHEDULERS)),
        ({"clip_skip": -1}, "clip_skip", "0"),
        ({"clip_skip": 13}, "clip_skip", "12"),
        ({"previews": 1}, "previews", "stream"),
        ({"partial_images": 1}, "partial_images", "stream"),
        ({"stream": True, "previews": 4}, "previews", "3"),
        ({"stream": True, "previews": 1, "partial_images": 2}, "partial_images", "expected the same value as"),
        ({"stream": "true"}, "stream", "boolean"),
        ({"response_format": "png"}, "response_format", "'b64_json' or 'url'"),
        ({"output_format": "gif"}, "output_format", "'png', 'jpeg' or 'webp'"),
        ({"output_compression": 101, "output_format": "webp"}, "output_compression", "at most 100"),
        ({"output_compression": 50}, "output_compression", "jpeg or webp"),
        ({"background": "transparent"}, "background", "'opaque' or 'auto'"),
        ({"background": "black"}, "background", "'opaque'"),
        ({"moderation": "high"}, "moderation", "'low'"),
        ({"quality": "best"}, "quality", "'medium'"),
        ({"style": "baroque"}, "style", "'natural'"),
        ({"steps": 0}, "steps", "at least 1"),
        ({"steps": 5, "sample_steps": 6}, "steps", "expected the same value as"),
        ({"num_inference_steps": 5, "steps": 6}, "num_inference_steps", "expected the same value as"),
        ({"guidance_scale": 31}, "guidance_scale", "at most 30"),
        ({"guidance": -1}, "guidance", "at least 0"),
        ({"flow_shift": 0}, "flow_shift", "more than 0"),
        ({"sampler": "DPM++ 2M Karras", "scheduler": "simple"}, "sampler", "expected the same value as"),
        ({"image_path": 5}, "image_path", "string"),
    ],
)
def test_what_is_not_accepted_is_refused_by_name(
    broker: FakeBroker, path: str, changes: dict[str, Any], param: str, told: str
) -> None:
    assert told in refusal(broker, path, {**body_of(path), **changes}, param)


@pytest.mark.parametrize("path", WORDS)
def test_an_input_picture_belongs_to_img2img(broker: FakeBroker, path: str) -> None:
    assert "/v1/img2img" in refusal(broker, path, {**CAT, "image_path": "photo.png"}, "image_path")


def test_img2img_sends_the_input_with_the_job(broker: FakeBroker) -> None:
    job = image_job(broker, "/v1/img2img", INPUT)
    assert job == ImageJob(prompt="a cat", width=1, height=1, native=True, max_pixels=MAX_PIXELS, init=0)
    assert broker.jobs[-1].request.blobs == (png(9),)
    assert image_job(broker, "/v1/img2img", {**INPUT, "strength": 1}).strength == 1


def test_img2img_reads_the_media_folder(broker: FakeBroker, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "photo.png").write_bytes(png(3))
    job = image_job(broker, "/v1/img2img", {**CAT, "image_path": "photo.png"})
    assert job.init == 0
    assert broker.jobs[-1].request.blobs == (png(3),)
    outside = {**CAT, "image_path": "../x.png"}
    assert "without '..'" in refusal(FakeBroker(settings=broker.settings), "/v1/img2img", outside, "image_path")


def test_a_mask_comes_second(broker: FakeBroker) -> None:
    job = image_job(broker, "/v1/img2img", {**INPUT, "mask_path": in_base64(png(4))})
    assert job.mask == 1
    assert broker.jobs[-1].request.blobs == (png(9), png(4))


@pytest.mark.parametrize(
    ("changes", "param", "told"),
    [
        ({"image_path": None}, "image_path", "required"),
        ({"image_path": " "}, "image_path", "required"),
        ({"image_path": "missing.png"}, "image_path", "media folder"),
        ({"image_path": "http://example.org/a.png"}, "image_path", "expected a URL of an allowed host"),
        ({"mask_path": "missing.png"}, "mask_path", "media folder"),
        ({"strength": 0.5, "input_fidelity": "low"}, "input_fidelity", "either strength or input_fidelity"),
        ({"input_fidelity": "no"}, "input_fidelity", "'high' or 'low'"),
        ({"mask_blur": -1}, "mask_blur", "at least 0"),
        ({"strength": 0}, "strength", "more than 0"),
        ({"strength": 1.1}, "strength", "1"),
    ],
)
def test_inputs_that_are_refused(broker: FakeBroker, changes: dict[str, Any], param: str, told: str) -> None:
    assert told in refusal(broker, "/v1/img2img", {**INPUT, **changes}, param)


def test_an_unknown_model_is_told_before_the_input_is_read(broker: FakeBroker) -> None:
    refusal(broker, "/v1/img2img", {**CAT, "image_path": "missing.png", "model": "other"}, "model", 404)
