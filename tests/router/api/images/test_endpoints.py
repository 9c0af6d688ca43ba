"""The image endpoints' answers, whole."""

from __future__ import annotations

import base64
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from shared.wire.jobs import ImageJob
from shared.wire.payloads import Done, Failed, FinishReason, Picture, Started
from tests.support.router.client import ask, post, serving, wait_until
from tests.support.router.fake_broker import MODEL, QUEUE_FULL, FakeBroker
from tests.support.router.image_requests import CAT, INPUT, image_broker
from tests.support.router.pictures import in_base64, png

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
DONE = Done(FinishReason.STOP, 0, 0, 0, 0.1)
NATIVE = ["/v1/txt2img", "/v1/img2img"]
WORDS = ["/v1/txt2img", "/v1/images/generations"]


@pytest.fixture(autouse=True)
def _drawn_seed_is_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.api.images.answer.secrets.randbelow", lambda bound: 7)


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    return image_broker(output_folder=str(tmp_path / "images"), media_folder=str(tmp_path / "media"))


def body_of(path: str) -> dict[str, Any]:
    return INPUT if path == "/v1/img2img" else CAT


def job_of(broker: FakeBroker, path: str, body: dict[str, Any]) -> ImageJob:
    """The job that a body becomes."""
    response = post(broker, path, body)
    assert response.status_code == 200, response.text
    work = broker.jobs[-1].request.work
    assert isinstance(work, ImageJob)
    return work


def refused(broker: FakeBroker, path: str, body: Any, param: str | None, status: int = 400) -> str:
    response = post(broker, path, body)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["param"] == param
    assert broker.jobs == []
    return str(error["message"])


def test_the_documented_body_and_its_defaults_are_one_job(broker: FakeBroker) -> None:
    expected = ImageJob(
        prompt=DOCUMENTED["prompt"],
        negative_prompt="",
        width=256,
        height=256,
        count=1,
        steps=20,
        cfg_scale=7,
        seed=0,
        has_input=False,
        previews=0,
    )
    assert job_of(broker, "/v1/txt2img", DOCUMENTED) == expected
    assert job_of(broker, "/v1/txt2img", {"prompt": DOCUMENTED["prompt"]}) == expected
    assert broker.jobs[-1].request.blobs == ()


def test_an_open_seed_is_drawn_before_the_job_is_sent_and_told(broker: FakeBroker) -> None:
    answer = post(broker, "/v1/txt2img", {**CAT, "seed": -1, "n": 2}).json()
    work = broker.jobs[-1].request.work
    assert isinstance(work, ImageJob)
    assert work.seed == 7
    assert [entry["seed"] for entry in answer["data"]] == [7, 8]


def test_openai_s_defaults(broker: FakeBroker) -> None:
    expected = ImageJob(prompt="a cat", width=512, height=512, steps=20, cfg_scale=7, seed=7)
    assert job_of(broker, "/v1/images/generations", CAT) == expected
    everything = {
        "quality": "hd",
        "style": "vivid",
        "background": "auto",
        "moderation": "low",
        "output_compression": 50,
        "output_format": "png",
        "size": "auto",
        "user": "me",
        "n": 1,
        "response_format": "b64_json",
        "model": None,
    }
    assert job_of(broker, "/v1/images/generations", {**CAT, **everything}) == expected
    small = MODEL.model_copy(update={"max_image_side": 320})
    assert job_of(image_broker(models=(small,)), "/v1/images/generations", CAT).width == 320


def test_every_parameter_reaches_the_job(broker: FakeBroker) -> None:
    given = {
        "prompt": "ein Haus 🏠\n",
        "negative_prompt": "fog",
        "width": 64,
        "height": 1024,
        "n": 3,
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
        assert job_of(broker, path, given) == ImageJob(
            prompt="ein Haus 🏠\n",
            negative_prompt="fog",
            width=64,
            height=1024,
            count=3,
            steps=2,
            cfg_scale=1.5,
            seed=2**40,
            sampler="dpm++2m",
            scheduler="karras",
            clip_skip=2,
            previews=2,
        )


@pytest.mark.parametrize("name", ["sampler", "sampler_name", "sample_method"])
def test_the_names_of_the_sampler(broker: FakeBroker, name: str) -> None:
    assert job_of(broker, "/v1/txt2img", {**CAT, name: "euler_a"}).sampler == "euler_a"


def test_sizes_in_openai_s_form(broker: FakeBroker) -> None:
    for path in WORDS:
        job = job_of(broker, path, {**CAT, "size": "128x64"})
        assert (job.width, job.height) == (128, 64)
        job = job_of(broker, path, {**CAT, "size": "128x64", "width": 128, "height": 64})
        assert (job.width, job.height) == (128, 64)
        job = job_of(broker, path, {**CAT, "size": "auto", "width": 64, "height": 128})
        assert (job.width, job.height) == (64, 128)
    assert job_of(broker, "/v1/txt2img", {**CAT, "size": "auto"}).width == 256


@pytest.mark.parametrize("path", ["/v1/txt2img", "/v1/img2img", "/v1/images/generations"])
@pytest.mark.parametrize(
    ("changes", "param", "told"),
    [
        ({"prompt": None}, "prompt", "required"),
        ({"prompt": 5}, "prompt", "string"),
        ({"prompt": "a\0b"}, "prompt", "NUL"),
        ({"prompt": "a" * 10_001}, "prompt", "10000"),
        ({"negative_prompt": "\0"}, "negative_prompt", "NUL"),
        ({"width": 100}, "width", "width is 100; accepted for each side are multiples of 64 from 64 to 1024"),
        ({"height": 0}, "height", "from 64 to 1024"),
        ({"height": -64}, "height", "from 64 to 1024"),
        ({"width": 1088}, "width", "from 64 to 1024"),
        ({"width": 256.5}, "width", "integer"),
        ({"width": "256"}, "width", "integer"),
        ({"width": True}, "width", "integer"),
        ({"size": "100x128"}, "size", "size is '100x128'"),
        ({"size": "128x4096"}, "size", "from 64 to 1024"),
        ({"size": "0x0"}, "size", "from 64 to 1024"),
        ({"size": "big"}, "size", "512x512"),
        ({"size": "128"}, "size", "512x512"),
        ({"size": "128x128x128"}, "size", "512x512"),
        ({"size": "\u0661\u0662\u0668x128"}, "size", "512x512"),
        ({"size": 512}, "size", "string"),
        ({"size": "128x128", "width": 64}, "size", "differ"),
        ({"size": "128x128", "height": 256}, "size", "differ"),
        ({"sample_steps": 0}, "sample_steps", "greater than or equal to 1"),
        ({"sample_steps": 151}, "sample_steps", "less than or equal to 150"),
        ({"cfg_scale": -0.1}, "cfg_scale", "0"),
        ({"cfg_scale": 30.1}, "cfg_scale", "30"),
        ({"seed": -2}, "seed", "-1"),
        ({"seed": 2**63 - 1}, "seed", "less than"),
        ({"n": 0}, "n", "1"),
        ({"n": 11}, "n", "10"),
        ({"sampler": "Euler"}, "sampler", ", ".join(SAMPLERS)),
        ({"sample_method": ""}, "sample_method", ", ".join(SAMPLERS)),
        ({"sampler": "euler", "sampler_name": "lcm"}, "sampler_name", "differ"),
        ({"scheduler": "lms"}, "scheduler", ", ".join(SCHEDULERS)),
        ({"clip_skip": -1}, "clip_skip", "0"),
        ({"clip_skip": 13}, "clip_skip", "12"),
        ({"previews": 1}, "previews", "stream"),
        ({"partial_images": 1}, "partial_images", "stream"),
        ({"stream": True, "previews": 4}, "previews", "3"),
        ({"stream": True, "previews": 1, "partial_images": 2}, "partial_images", "differ"),
        ({"stream": "true"}, "stream", "boolean"),
        ({"response_format": "png"}, "response_format", "'b64_json' or 'url'"),
        ({"output_format": "webp"}, "output_format", "'png'"),
        ({"image_path": 5}, "image_path", "string"),
    ],
)
def test_what_is_not_accepted_is_refused_by_name(
    broker: FakeBroker, path: str, changes: dict[str, Any], param: str, told: str
) -> None:
    assert told in refused(broker, path, {**body_of(path), **changes}, param)


@pytest.mark.parametrize("path", WORDS)
def test_an_input_picture_belongs_to_img2img(broker: FakeBroker, path: str) -> None:
    assert "/v1/img2img" in refused(broker, path, {**CAT, "image_path": "photo.png"}, "image_path")


def test_a_picture_has_both_vocabularies(broker: FakeBroker, tmp_path: Path) -> None:
    answer = post(broker, "/v1/txt2img", {**CAT, "seed": 5, "n": 2, "width": 128, "height": 64}).json()
    assert answer["created"] > 1_700_000_000
    assert answer["size"] == "128x64"
    assert answer["output_format"] == "png"
    assert [entry["seed"] for entry in answer["data"]] == [5, 6]
    for index, entry in enumerate(answer["data"]):
        assert entry["base64"] == entry["b64_json"]
        assert base64.b64decode(entry["base64"]) == png(index, 8)
        name = entry["url"].removeprefix("/v1/images/")
        assert (tmp_path / "images" / name).read_bytes() == png(index, 8)


@pytest.mark.parametrize("path", WORDS)
def test_only_the_address_if_that_is_asked_for(broker: FakeBroker, path: str) -> None:
    (entry,) = post(broker, path, {**CAT, "response_format": "url"}).json()["data"]
    assert "base64" not in entry
    assert "b64_json" not in entry
    assert ask(broker, "GET", entry["url"]).content == png(0, 8)


def test_pictures_are_in_their_order_even_if_they_come_in_another(broker: FakeBroker) -> None:
    pictures = [Picture(index, 10 + index, 64, 64, png(index)) for index in (1, 0)]
    broker.script = [Started(0, 0), *pictures, DONE]
    data = post(broker, "/v1/txt2img", {**CAT, "n": 2}).json()["data"]
    assert [entry["seed"] for entry in data] == [10, 11]


def test_img2img_sends_the_input_with_the_job(broker: FakeBroker) -> None:
    job = job_of(broker, "/v1/img2img", INPUT)
    assert job == ImageJob(prompt="a cat", has_input=True, strength=0.75)
    assert broker.jobs[-1].request.blobs == (png(9),)
    assert job_of(broker, "/v1/img2img", {**INPUT, "strength": 1}).strength == 1


def test_img2img_reads_the_media_folder(broker: FakeBroker, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "photo.png").write_bytes(png(3))
    job = job_of(broker, "/v1/img2img", {**CAT, "image_path": "photo.png"})
    assert job.has_input
    assert broker.jobs[-1].request.blobs == (png(3),)
    assert "no file '../x.png'" not in refused(
        FakeBroker(settings=broker.settings), "/v1/img2img", {**CAT, "image_path": "../x.png"}, "image_path"
    )


def test_a_mask_comes_second(broker: FakeBroker) -> None:
    job = job_of(broker, "/v1/img2img", {**INPUT, "mask_path": in_base64(png(4))})
    assert job.has_mask
    assert broker.jobs[-1].request.blobs == (png(9), png(4))


@pytest.mark.parametrize(
    ("changes", "param", "told"),
    [
        ({"image_path": None}, "image_path", "required"),
        ({"image_path": " "}, "image_path", "required"),
        ({"image_path": "missing.png"}, "image_path", "media folder"),
        ({"image_path": "http://example.org/a.png"}, "image_path", "the operator must allow that host"),
        ({"mask_path": "missing.png"}, "mask_path", "media folder"),
        ({"strength": 0}, "strength", "greater than 0"),
        ({"strength": 1.1}, "strength", "1"),
    ],
)
def test_inputs_that_are_refused(broker: FakeBroker, changes: dict[str, Any], param: str, told: str) -> None:
    assert told in refused(broker, "/v1/img2img", {**INPUT, **changes}, param)


def test_an_unknown_model_is_told_before_the_input_is_read(broker: FakeBroker) -> None:
    refused(broker, "/v1/img2img", {**CAT, "image_path": "missing.png", "model": "other"}, "model", 404)


def test_a_failed_job_is_an_error_with_its_status(broker: FakeBroker) -> None:
    broker.script = [Started(0, 0), Failed(415, "image: it is no picture", "image")]
    response = post(broker, "/v1/img2img", INPUT)
    assert response.status_code == 415
    assert response.json()["error"]["param"] == "image"
    assert response.json()["error"]["type"] == "unsupported_media_type"


def test_a_full_queue(broker: FakeBroker) -> None:
    broker.refusal = QUEUE_FULL
    response = post(broker, "/v1/txt2img", CAT)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3")


def test_pictures_that_cannot_be_kept_are_answered_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    broker = image_broker(output_folder=str(tmp_path / "file"))
    (entry,) = post(broker, "/v1/txt2img", CAT).json()["data"]
    assert entry["url"] is None
    assert base64.b64decode(entry["b64_json"]) == png(0, 8)
    (record,) = [record for record in caplog.records if record.name == "nexa.images"]
    assert record.levelno == logging.WARNING


def test_an_address_that_cannot_be_given_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    broker = image_broker(output_folder=str(tmp_path / "file"))
    broker.script = [Started(0, 0), Picture(0, 0, 64, 64, png())]
    response = post(broker, "/v1/txt2img", {**CAT, "n": 2, "response_format": "url"})
    assert response.status_code == 500
    assert "cannot be saved" in response.json()["error"]["message"]
    assert broker.cancelled == broker.jobs


def test_a_picture_by_its_address(broker: FakeBroker) -> None:
    (entry,) = post(broker, "/v1/txt2img", CAT).json()["data"]
    response = ask(broker, "GET", entry["url"])
    assert response.content == png(0, 8)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "private, max-age=86400, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    head = ask(broker, "HEAD", entry["url"])
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(png(0, 8)))


@pytest.mark.parametrize(
    "name",
    [
        "0123456789abcdef0123456789abcdef.png",
        "..%2fsecret.png",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "../secret.png",
        "%2fetc%2fpasswd",
        "generations",
        "0123456789abcdef0123456789abcdef.png%00",
        "0123456789abcdef0123456789abcdef.png%0a",
        "link.png",
        "a" * 5000,
        "",
    ],
)
def test_nothing_else_can_be_fetched(broker: FakeBroker, tmp_path: Path, name: str) -> None:
    post(broker, "/v1/txt2img", CAT)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    response = ask(broker, "GET", f"/v1/images/{name}")
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


def test_old_pictures_go_when_the_server_starts(broker: FakeBroker, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    old = tmp_path / "images" / "0123456789abcdef0123456789abcdef.png"
    old.write_bytes(png())
    os.utime(old, (0, 0))
    with serving(broker):
        wait_until(lambda: not old.exists())


def test_the_key_is_needed_for_pictures_too(tmp_path: Path) -> None:
    broker = image_broker(output_folder=str(tmp_path), api_key="secret")
    key = {"Authorization": "Bearer secret"}
    (entry,) = post(broker, "/v1/txt2img", CAT, headers=key).json()["data"]
    assert ask(broker, "GET", entry["url"]).status_code == 401
    assert ask(broker, "GET", entry["url"], headers=key).status_code == 200


@pytest.mark.parametrize("path", WORDS)
def test_the_documented_example_is_in_the_schema_and_works(broker: FakeBroker, path: str) -> None:
    schema = ask(broker, "GET", "/openapi.json").json()
    operation = schema["paths"][path]["post"]
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    (example,) = schema["components"]["schemas"][name]["examples"]
    assert post(broker, path, example).status_code == 200
    assert {"400", "401", "404", "413", "429", "503", "504"} <= set(operation["responses"])
    assert "422" not in json.dumps(operation["responses"])
