"""What a job leaves open, filled in from what the model is."""

from __future__ import annotations

from msgspec.structs import replace

from shared.wire.jobs import ImageJob
from shared.wire.pictures import PictureInfo, PictureQuality

NATIVE_SIDE = 256
"""Width and height of native pictures of Stable Diffusion 1, where the request names none."""

_STEPS_BY_QUALITY: dict[PictureQuality, float] = {"low": 0.5, "medium": 1.0, "high": 1.5}
"""The part of the model's own steps that each quality gets."""

_SMALL_FAMILIES = ("", "sd1", "sd2")


def settled(work: ImageJob, info: PictureInfo) -> ImageJob:
    """``work`` with the model's defaults for all that it leaves open, except a size that follows a picture."""
    defaults = info.defaults
    width, height = work.width, work.height
    if not (width or height) and work.init is None:
        width, height = default_size(work, info)
    factor = _STEPS_BY_QUALITY[work.quality or "medium"]
    return replace(
        work,
        width=width,
        height=height,
        steps=max(1, round(defaults.steps * factor)) if work.steps is None else work.steps,
        cfg_scale=defaults.cfg_scale if work.cfg_scale is None else work.cfg_scale,
        guidance=defaults.guidance if work.guidance is None else work.guidance,
        flow_shift=defaults.flow_shift if work.flow_shift is None else work.flow_shift,
        sampler=defaults.sampler if work.sampler is None else work.sampler,
        scheduler=defaults.scheduler if work.scheduler is None else work.scheduler,
        strength=defaults.strength if work.strength is None else work.strength,
    )


def default_size(work: ImageJob, info: PictureInfo) -> tuple[int, int]:
    """Width and height of a picture whose request names neither."""
    if work.native and info.family in _SMALL_FAMILIES:
        return NATIVE_SIDE, NATIVE_SIDE
    return info.defaults.width, info.defaults.height


def with_size(work: ImageJob, followed: tuple[int, int]) -> ImageJob:
    """``work`` with the sides that it leaves open in the proportions of the picture that it begins with."""
    width, height = followed
    scale = work.width / width if work.width else work.height / height if work.height else 1.0
    return replace(work, width=work.width or _side(width * scale), height=work.height or _side(height * scale))


def _side(pixels: float) -> int:
    return max(1, round(pixels))
