"""What a job leaves open is the model's."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from shared.wire.pictures import Hires, PictureDefaults, PictureInfo
from workers.diffusion.settling import check_features, check_size, settled, with_size

TURBO = PictureInfo(
    "z_image",
    PictureDefaults(8, 1.0, "euler", "simple", 1024, 768, guidance=3.5, flow_shift=3.0, strength=0.6),
    ("text", "edit", "mask", "references"),
    max_pixels=1024 * 1024,
)
SD1 = PictureInfo("sd1", features=("text", "edit", "mask"))


def test_everything_is_filled_in() -> None:
    job = settled(ImageJob("a cat"), TURBO)
    assert (job.width, job.height, job.steps, job.cfg_scale, job.strength) == (1024, 768, 8, 1.0, 0.6)
    assert (job.sampler, job.scheduler, job.guidance, job.flow_shift) == ("euler", "simple", 3.5, 3.0)


def test_what_is_given_stays() -> None:
    given: dict[str, Any] = {
        "width": 64,
        "height": 128,
        "steps": 3,
        "cfg_scale": 0.0,
        "guidance": 0.0,
        "flow_shift": 1.0,
        "sampler": "lcm",
        "scheduler": "karras",
        "strength": 0.1,
    }
    job = settled(ImageJob("a cat", **given), TURBO)
    assert {name: getattr(job, name) for name in given} == given


@pytest.mark.parametrize(("quality", "steps"), [("low", 4), ("medium", 8), (None, 8), ("high", 12)])
def test_quality_is_a_part_of_the_model_s_steps(quality: Any, steps: int) -> None:
    assert settled(ImageJob("a cat", quality=quality), TURBO).steps == steps
    assert settled(ImageJob("a cat", quality=quality, steps=5), TURBO).steps == 5


def test_even_one_step_has_a_low_quality() -> None:
    schnell = PictureInfo("flux", PictureDefaults(steps=1))
    assert settled(ImageJob("a cat", quality="low"), schnell).steps == 1


def test_native_pictures_of_stable_diffusion_1_are_smaller() -> None:
    sizes = [settled(ImageJob("a", native=True), info) for info in (SD1, TURBO)]
    assert [(job.width, job.height) for job in sizes] == [(256, 256), (1024, 768)]
    assert settled(ImageJob("a", width=64), SD1).height == 512


def test_a_default_size_is_within_the_limit() -> None:
    job = settled(ImageJob("a"), PictureInfo(max_pixels=320 * 320))
    assert (job.width, job.height) == (320, 320)


@pytest.mark.parametrize(
    ("given", "picture", "size"),
    [
        ({}, (500, 333), (500, 333)),
        ({}, (4000, 3000), (1182, 886)),
        ({"width": 250}, (500, 333), (250, 167)),
        ({"height": 666}, (500, 333), (1000, 666)),
        ({"width": 64, "height": 64}, (500, 333), (64, 64)),
        ({}, (1, 1), (1, 1)),
    ],
)
def test_a_size_follows_the_picture(given: dict[str, Any], picture: tuple[int, int], size: tuple[int, int]) -> None:
    job = with_size(ImageJob("a", init=0, **given), picture, 1024 * 1024)
    assert (job.width, job.height) == size


def test_a_model_that_refers_to_pictures_gets_the_first_one_too() -> None:
    job = settled(ImageJob("a", init=0, references=[1, 2]), TURBO)
    assert (job.init, job.references) == (None, [0, 1, 2])
    check_features(job, TURBO)


@pytest.mark.parametrize("kept", [{"strength": 0.5}, {"mask": 1}])
def test_a_picture_that_is_to_be_repainted_stays_one(kept: dict[str, Any]) -> None:
    assert settled(ImageJob("a", init=0, **kept), TURBO).init == 0


@pytest.mark.parametrize(
    ("job", "field", "told"),
    [
        (ImageJob("a", init=0, references=[1]), "image", "expected one picture"),
        (ImageJob("a", control=0), "control_image", "takes no control pictures"),
        (ImageJob("a", hires=Hires()), "hires", "one pass"),
    ],
)
def test_what_the_model_cannot_do_is_refused(job: ImageJob, field: str, told: str) -> None:
    with pytest.raises(JobError, match=told) as error:
        check_features(settled(job, SD1), SD1)
    assert (error.value.failed.status, error.value.failed.param) == (400, field)
    with pytest.raises(JobError):
        check_features(ImageJob("a", init=0), PictureInfo())


def test_a_size_beyond_the_model_s_limit_is_refused() -> None:
    check_size(ImageJob("a", width=2048, height=512), TURBO)
    with pytest.raises(JobError, match=r"at most 1,048,576 pixels with this model, got 1025x1024"):
        check_size(ImageJob("a", width=1025, height=1024), TURBO)
    with pytest.raises(JobError, match="at most 4,096 pixels"):
        check_size(ImageJob("a", width=65, height=64, max_pixels=4096), PictureInfo())


def test_a_size_beyond_the_limit_may_be_painted_smaller_and_is_told() -> None:
    job = ImageJob("a", width=1536, height=1024, may_enlarge=True)
    assert check_size(job, TURBO) == ["size: painted in 1254x836, the largest of this model, and enlarged to 1536x1024"]
    with pytest.raises(JobError):
        check_size(replace(job, width=8192), TURBO)


def test_guidance_scale_is_what_the_model_has() -> None:
    for info, cfg_scale, guidance in ((TURBO, 1.0, 4.5), (SD1, 4.5, None)):
        job = settled(ImageJob("a", guidance_scale=4.5), info)
        assert (job.cfg_scale, job.guidance) == (cfg_scale, guidance)


def test_a_picture_that_must_be_kept_well_is_repainted_less() -> None:
    job = ImageJob("a", init=0, high_fidelity=True)
    assert settled(job, SD1).strength == pytest.approx(0.5)
    assert settled(replace(job, strength=0.9), SD1).strength == 0.9
