"""Pictures from text, and from pictures, for Automatic1111's clients."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from shared.wire.jobs import ImageJob
from shared.wire.payloads import Done, Failed, FinishReason, Picture, Started
from tests.support.requests.a1111 import IMAGE_MODELS, info_of, naming_broker, painted_with_parameters
from tests.support.requests.images import CAT, job_of
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import FakeBroker

TXT2IMG = "/sdapi/v1/txt2img"
IMG2IMG = "/sdapi/v1/img2img"
PHOTO = in_base64(png(9, 64))


def test_pictures_come_as_base64_with_what_they_were_painted_with(broker: FakeBroker) -> None:
    broker.script = painted_with_parameters
    body = {**CAT, "negative_prompt": "rain", "seed": 5, "steps": 3, "cfg_scale": 2.5, "n_iter": 2, "width": 64}
    answer = post(broker, TXT2IMG, {**body, "height": 128, "sampler_name": "DPM++ 2M Karras"})
    assert [base64.b64decode(image)[:4] for image in answer.json()["images"]] == [b"\x89PNG"] * 2
    info = info_of(answer)
    assert info["infotexts"][1].startswith("a cat\nNegative prompt: rain\nSteps: 3, Sampler: dpm++2m, CFG scale: 2.5")
    assert (info["seed"], info["all_seeds"], info["steps"], info["cfg_scale"]) == (5, [5, 6], 3, 2.5)
    assert (info["width"], info["height"], info["sampler_name"]) == (64, 128, "DPM++ 2M")
    assert info["all_prompts"] == ["a cat", "a cat"]
    assert answer.json()["parameters"]["steps"] == 3
    jobs = [job.request.work for job in broker.jobs]
    assert [job.seed for job in jobs if isinstance(job, ImageJob)] == [5, 6]
    job = job_of(broker, answer)
    assert (job.steps, job.sampler, job.scheduler) == (3, "dpm++2m", "karras")


def test_a_picture_is_painted_over_another(broker: FakeBroker) -> None:
    body = {**CAT, "init_images": [f"data:image/png;base64,{PHOTO}"], "mask": PHOTO, "denoising_strength": 0.4}
    answer = post(broker, IMG2IMG, body)
    job = job_of(broker, answer)
    assert (job.init, job.mask, job.strength) == (0, 1, 0.4)
    assert broker.jobs[0].request.blobs == (png(9, 64), png(9, 64))
    assert not {"init_images", "mask"} & answer.json()["parameters"].keys()


def test_without_a_number_each_is_the_models_own(broker: FakeBroker) -> None:
    absent = job_of(broker, post(broker, TXT2IMG, {**CAT, "seed": 1}))
    empty = {"steps": 0, "sampler_name": "", "scheduler": "Automatic", "cfg_scale": None, "clip_skip": 1}
    assert job_of(broker, post(broker, TXT2IMG, {**CAT, "seed": 1, **empty})) == absent


def test_a_seed_may_be_a_text(broker: FakeBroker) -> None:
    assert job_of(broker, post(broker, TXT2IMG, {**CAT, "seed": "77"})).seed == 77
    assert job_of(broker, post(broker, TXT2IMG, {**CAT, "seed": "-1"})).seed >= 0


def test_the_model_and_the_layers_of_clip_are_settings() -> None:
    broker = naming_broker(*IMAGE_MODELS)
    settings = {"sd_model_checkpoint": "sdxl.safetensors [6ce0161689]", "CLIP_stop_at_last_layers": 2}
    job = job_of(broker, post(broker, TXT2IMG, {**CAT, "override_settings": settings}))
    assert (broker.jobs[-1].request.model, job.clip_skip) == ("sdxl", 2)


@pytest.mark.parametrize(
    ("fields", "notes"),
    [
        ({"sampler_name": "DPM++ SDE Karras"}, ["sampler_name: DPM++ 2S a is used for 'DPM++ SDE Karras'"]),
        ({"sampler_index": "UniPC"}, ["sampler_index: DPM++ 2M is used for 'UniPC'"]),
        ({"scheduler": "Beta"}, ["scheduler: Uniform is used for 'Beta'"]),
        ({"restore_faces": True, "tiling": False}, ["restore_faces: not supported, left out"]),
        ({"override_settings": {"sd_vae": "a.pt"}}, ["override_settings.sd_vae: not supported, left out"]),
        ({"alwayson_scripts": {"ADetailer": {}}}, ["alwayson_scripts.ADetailer: not supported, left out"]),
        ({"styles": ["oil"], "something": 1}, ["styles: not supported", "something: not supported"]),
    ],
)
def test_what_cannot_be_done_is_named(broker: FakeBroker, fields: dict[str, Any], notes: list[str]) -> None:
    answer = post(broker, TXT2IMG, {**CAT, **fields})
    warnings = info_of(answer)["warnings"]
    assert len(warnings) == len(notes)
    for note in notes:
        assert any(warning.startswith(note) for warning in warnings)
        assert note in answer.headers["X-Nexa-Warning"]


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        (TXT2IMG, {"sampler_name": "Euler b"}, "sampler_name: expected one of Euler, Euler a, "),
        (TXT2IMG, {"sampler_index": "Euler b"}, "sampler_index: expected one of Euler, Euler a, "),
        (TXT2IMG, {"scheduler": "none such"}, "scheduler: expected one of Uniform, Karras, "),
        (TXT2IMG, {"steps": 100_000}, "steps: expected at most 150, got 100000"),
        (TXT2IMG, {"steps": "many"}, "steps: expected an integer, got 'many'"),
        (TXT2IMG, {"batch_size": 100, "n_iter": 100}, "batch_size: expected at most 10, got 10000"),
        (TXT2IMG, {"override_settings": {"sd_model_checkpoint": 5}}, "override_settings.sd_model_checkpoint: expected"),
        (IMG2IMG, {}, "init_images: expected one picture, got 0"),
        (IMG2IMG, {"init_images": ["-"]}, "init_images: expected a file in the server's media folder"),
        (IMG2IMG, {"init_images": [PHOTO], "denoising_strength": 2}, "denoising_strength: expected at most 1, got 2"),
    ],
)
def test_errors_name_the_clients_fields(broker: FakeBroker, path: str, fields: dict[str, Any], message: str) -> None:
    answer = post(broker, path, {**CAT, **fields})
    assert answer.status_code == 400
    told = answer.json()
    assert told.keys() == {"error", "detail", "body", "errors"}
    assert told["detail"].startswith(message)
    assert broker.jobs == []


def test_an_error_of_the_worker_is_the_answer(broker: FakeBroker) -> None:
    broker.script = [Started(0, 0), Failed(400, "mask: expected the size of the picture", "mask")]
    answer = post(broker, TXT2IMG, CAT)
    assert (answer.status_code, answer.json()["detail"]) == (400, "mask: expected the size of the picture")


def test_warnings_of_the_worker_are_told(broker: FakeBroker) -> None:
    picture = Picture(1, 8, 8, png(), warnings=["prompt: the LoRA a fits in part"])
    broker.script = [Started(0, 0), picture, Done(FinishReason.STOP, 0, 0, 0, 0.1)]
    answer = post(broker, TXT2IMG, CAT)
    assert answer.headers["X-Nexa-Warning"] == "prompt: the LoRA a fits in part"
    assert info_of(answer)["infotexts"] == [""]


def test_pictures_may_be_left_out(broker: FakeBroker) -> None:
    answer = post(broker, TXT2IMG, {**CAT, "send_images": False, "seed": 3})
    assert (answer.json()["images"], info_of(answer)["all_seeds"]) == ([], [3])


def test_previews_are_made_if_the_settings_ask_for_them(broker: FakeBroker) -> None:
    assert job_of(broker, post(broker, TXT2IMG, CAT)).previews == 0
    settings = {"show_progress_every_n_steps": 5}
    assert job_of(broker, post(broker, TXT2IMG, {**CAT, "override_settings": settings})).previews == 3


def test_a_large_picture_is_no_text(broker: FakeBroker) -> None:
    """Bodies of other JSON endpoints may have 2 MB of text."""
    large = in_base64(png(9, 64) + bytes(3_000_000))
    assert post(broker, IMG2IMG, {**CAT, "init_images": [large]}).status_code == 200


def test_bodies_of_any_type_are_json_but_not_those_of_web_pages(broker: FakeBroker) -> None:
    def status(**headers: str) -> int:
        return ask(broker, "POST", TXT2IMG, content=b'{"prompt": "a cat"}', headers=headers).status_code

    assert status() == 200
    assert status(Origin="http://elsewhere.example") == 400
