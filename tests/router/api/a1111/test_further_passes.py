"""Second passes, masks and ControlNet, in Automatic1111's words."""

from __future__ import annotations

from typing import Any

import pytest

from shared.wire.pictures import Hires
from tests.support.requests.a1111 import info_of
from tests.support.requests.images import CAT, job_of
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import post
from tests.support.router.fake_broker import FakeBroker

TXT2IMG = "/sdapi/v1/txt2img"
IMG2IMG = "/sdapi/v1/img2img"
PHOTO = in_base64(png(9, 64))


@pytest.mark.parametrize(
    ("fields", "size", "hires"),
    [
        ({}, (1024, 1024), Hires(2.0, None, 0.7, None)),
        (
            {"width": 512, "height": 256, "hr_scale": 1.5, "hr_second_pass_steps": 9, "denoising_strength": 0.4},
            (768, 384),
            Hires(1.5, 9, 0.4, None),
        ),
        ({"width": 512, "height": 256, "hr_resize_x": 1024}, (1024, 512), Hires(2.0, None, 0.7, None)),
        ({"hr_upscaler": "Latent (nearest-exact)"}, (1024, 1024), Hires(2.0, None, 0.7, "latent_nearest_exact")),
        ({"hr_upscaler": "None"}, (1024, 1024), Hires(2.0, None, 0.7, "lanczos")),
        ({"hr_upscaler": "4x-esrgan"}, (1024, 1024), Hires(2.0, None, 0.7, "model")),
    ],
)
def test_width_and_height_are_those_of_the_first_pass(
    broker: FakeBroker, fields: dict[str, Any], size: tuple[int, int], hires: Hires
) -> None:
    job = job_of(broker, post(broker, TXT2IMG, {**CAT, "enable_hr": True, **fields}))
    assert ((job.width, job.height), job.hires) == (size, hires)


def test_without_a_second_pass_its_fields_mean_nothing(broker: FakeBroker) -> None:
    fields = {"enable_hr": False, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.7}
    answer = post(broker, TXT2IMG, {**CAT, **fields})
    assert job_of(broker, answer).hires is None
    assert "X-Nexa-Warning" not in answer.headers


def test_an_edge_of_a_mask_is_soft_as_it_is_there(broker: FakeBroker) -> None:
    body = {**CAT, "init_images": [PHOTO], "mask": PHOTO}
    assert job_of(broker, post(broker, IMG2IMG, body)).mask_blur == 4
    assert job_of(broker, post(broker, IMG2IMG, {**body, "mask_blur": 0})).mask_blur == 0


def test_what_a_mask_cannot_do_is_named_or_refused(broker: FakeBroker) -> None:
    body = {**CAT, "init_images": [PHOTO], "mask": PHOTO}
    warnings = info_of(post(broker, IMG2IMG, {**body, "inpaint_full_res": True, "inpainting_fill": 0}))["warnings"]
    assert [warning.partition(":")[0] for warning in warnings] == ["inpaint_full_res", "inpainting_fill"]
    refused = post(broker, IMG2IMG, {**body, "inpainting_mask_invert": 1})
    assert (refused.status_code, refused.json()["detail"].partition(":")[0]) == (400, "inpainting_mask_invert")


@pytest.mark.parametrize("image", [PHOTO, {"image": PHOTO, "mask": None}])
def test_a_unit_of_controlnet_guides_the_composition(broker: FakeBroker, image: Any) -> None:
    units = [{"enabled": False}, {"input_image": image, "module": "canny", "model": "None", "weight": 0.6}]
    answer = post(broker, TXT2IMG, {**CAT, "alwayson_scripts": {"ControlNet": {"args": units}}})
    job = job_of(broker, answer)
    assert (job.control, job.canny, job.control_strength) == (0, True, 0.6)
    assert broker.jobs[0].request.blobs == (png(9, 64),)
    assert info_of(answer)["warnings"] == []


def test_what_of_controlnet_is_not_done_is_named(broker: FakeBroker) -> None:
    unit = {"image": PHOTO, "module": "depth_midas", "model": "control_v11f1p_sd15_depth"}
    answer = post(broker, TXT2IMG, {**CAT, "alwayson_scripts": {"controlnet": {"args": [unit, unit]}}})
    warnings = info_of(answer)["warnings"]
    assert len(warnings) == 3
    assert "'depth_midas': not supported, the picture is used as it is" in warnings[2]


@pytest.mark.parametrize("unit", [{}, {"image": 5}, {"image": PHOTO, "weight": "much"}])
def test_a_unit_without_a_picture_or_with_a_wrong_weight_is_refused(broker: FakeBroker, unit: dict[str, Any]) -> None:
    answer = post(broker, TXT2IMG, {**CAT, "alwayson_scripts": {"controlnet": {"args": [unit]}}})
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (400, "alwayson_scripts")
