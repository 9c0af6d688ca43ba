"""What a job leaves open, filled in from what the model is."""

from __future__ import annotations

import math

from msgspec.structs import replace

from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from shared.wire.pictures import PictureFeature, PictureInfo, PictureQuality

NATIVE_SIDE = 256
"""Width and height of native pictures of Stable Diffusion 1, where the request names none."""

USUAL_PIXELS = 1024 * 1024
"""The largest size that follows a picture if the model's limit is not known."""

_STEPS_BY_QUALITY: dict[PictureQuality, float] = {"low": 0.5, "medium": 1.0, "high": 1.5}
"""The part of the model's own steps that each quality gets."""

_SMALL_FAMILIES = ("", "sd1", "sd2")


def settled(work: ImageJob, info: PictureInfo) -> ImageJob:
    """``work`` with the model's defaults for all that it leaves open, except a size that follows a picture.

    A model that refers to pictures gets the one to begin with as a reference, unless a mask or a strength says that it
    is to be repainted.
    """
    defaults = info.defaults
    width, height = work.width, work.height
    init, references = work.init, work.references
    if init is None and not references and not (width and height):
        default_width, default_height = default_size(work, info)
        width, height = width or default_width, height or default_height
    if init is not None and work.mask is None and work.strength is None and "references" in info.features:
        references = [init, *references]
        init = None
    factor = _STEPS_BY_QUALITY[work.quality or "medium"]
    return replace(
        work,
        width=width,
        height=height,
        init=init,
        references=references,
        steps=max(1, round(defaults.steps * factor)) if work.steps is None else work.steps,
        cfg_scale=defaults.cfg_scale if work.cfg_scale is None else work.cfg_scale,
        guidance=defaults.guidance if work.guidance is None else work.guidance,
        flow_shift=defaults.flow_shift if work.flow_shift is None else work.flow_shift,
        sampler=defaults.sampler if work.sampler is None else work.sampler,
        scheduler=defaults.scheduler if work.scheduler is None else work.scheduler,
        strength=defaults.strength if work.strength is None else work.strength,
    )


def default_size(work: ImageJob, info: PictureInfo) -> tuple[int, int]:
    """Width and height of a picture whose request names neither, within the model's limit."""
    if work.native and info.family in _SMALL_FAMILIES:
        wanted = (NATIVE_SIDE, NATIVE_SIDE)
    else:
        wanted = (info.defaults.width, info.defaults.height)
    return _within(wanted, info.max_pixels)


def with_size(work: ImageJob, followed: tuple[int, int], max_pixels: int) -> ImageJob:
    """``work`` with the sides that it leaves open in the proportions of the picture that it begins with.

    Without any, the size is that of the picture, or smaller if that has more than ``max_pixels`` (0: the usual).
    """
    width, height = followed
    if work.width or work.height:
        scale = work.width / width if work.width else work.height / height
        width, height = work.width or _side(width * scale), work.height or _side(height * scale)
    else:
        width, height = _within(followed, max_pixels or USUAL_PIXELS)
    return replace(work, width=width, height=height)


def check_features(work: ImageJob, info: PictureInfo) -> None:
    """Check that the model can do what the job asks for.

    Raises:
        JobError: 400, it cannot.
    """
    wanted: tuple[tuple[bool, str, PictureFeature, str], ...] = (
        (work.init is not None, "image", "edit", "begins with no pictures"),
        (work.mask is not None, "mask", "mask", "takes no masks"),
        (work.control is not None, "control_image", "control", "takes no control pictures"),
        (work.hires is not None, "hires", "hires", "paints in one pass only"),
        (bool(work.references), "image", "references", "refers to no further pictures than one to begin with"),
    )
    for asked, field, feature, why in wanted:
        if asked and feature not in info.features:
            message = f"{field}: expected a request without it, since this model {why}"
            if feature == "references":
                message = f"image: expected one picture, since this model {why}, got {1 + len(work.references)}"
            raise JobError(400, message, field)


def check_size(work: ImageJob, info: PictureInfo) -> None:
    """Check that the picture is not too large for the model.

    Raises:
        JobError: 400, it is.
    """
    if 0 < info.max_pixels < work.width * work.height:
        got = f"{work.width}x{work.height}, which are {work.width * work.height:,}"
        raise JobError(400, f"size: expected at most {info.max_pixels:,} pixels with this model, got {got}", "size")


def _within(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    width, height = size
    if not 0 < max_pixels < width * height:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    return _whole(width * scale), _whole(height * scale)


def _whole(pixels: float) -> int:
    return max(1, math.floor(pixels + 1e-6))  # a square root may be a little too small


def _side(pixels: float) -> int:
    return max(1, math.floor(pixels + 0.5))
