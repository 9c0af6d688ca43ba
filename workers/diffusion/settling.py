"""What a job leaves open, filled in from what the model is."""

from __future__ import annotations

import math

from msgspec.structs import replace

from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from shared.wire.pictures import PictureFeature, PictureInfo, PictureQuality
from workers.diffusion.pictures.canvas import within

NATIVE_SIDE = 256
"""Width and height of native pictures of Stable Diffusion 1, where the request names none."""

MAX_ENLARGING = 4
"""An enlarged picture has up to this many times as many pixels as are painted."""

FAITHFUL = 2 / 3
"""The part of the usual strength with which a picture is repainted that must be kept well."""

USUAL_PIXELS = 1024 * 1024
"""The largest size that follows a picture if the model's limit is not known."""

_STEPS_BY_QUALITY: dict[PictureQuality, float] = {"low": 0.5, "medium": 1.0, "high": 1.5, "xhigh": 2.0, "max": 3.0}
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
    cfg_scale, guidance = work.cfg_scale, work.guidance
    if work.guidance_scale is not None and defaults.guidance is not None:
        guidance = work.guidance_scale if guidance is None else guidance
    elif work.guidance_scale is not None:
        cfg_scale = work.guidance_scale if cfg_scale is None else cfg_scale
    strength = defaults.strength * (FAITHFUL if work.high_fidelity else 1.0)
    factor = _STEPS_BY_QUALITY[work.quality or "medium"]
    return replace(
        work,
        width=width,
        height=height,
        init=init,
        references=references,
        steps=max(1, round(defaults.steps * factor)) if work.steps is None else work.steps,
        cfg_scale=defaults.cfg_scale if cfg_scale is None else cfg_scale,
        guidance=defaults.guidance if guidance is None else guidance,
        flow_shift=defaults.flow_shift if work.flow_shift is None else work.flow_shift,
        sampler=defaults.sampler if work.sampler is None else work.sampler,
        scheduler=defaults.scheduler if work.scheduler is None else work.scheduler,
        strength=strength if work.strength is None else work.strength,
    )


def default_size(work: ImageJob, info: PictureInfo) -> tuple[int, int]:
    """Width and height of a picture whose request names neither, within the model's limit."""
    if work.native and info.family in _SMALL_FAMILIES:
        wanted = (NATIVE_SIDE, NATIVE_SIDE)
    else:
        wanted = (info.defaults.width, info.defaults.height)
    return within(wanted, pixel_limit(work, info))


def pixel_limit(work: ImageJob, info: PictureInfo) -> int:
    """The most pixels that are painted of a picture: of the job's and the model's limits the lower one, 0 for none."""
    return min((limit for limit in (work.max_pixels, info.max_pixels) if limit), default=0)


def with_size(work: ImageJob, followed: tuple[int, int], max_pixels: int) -> ImageJob:
    """``work`` with the sides that it leaves open in the proportions of the picture that it begins with.

    Without any, the size is that of the picture, or smaller if that has more than ``max_pixels`` (0: the usual).
    """
    width, height = followed
    if work.width or work.height:
        scale = work.width / width if work.width else work.height / height
        width, height = work.width or _side(width * scale), work.height or _side(height * scale)
    else:
        width, height = within(followed, max_pixels or USUAL_PIXELS)
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


def check_size(work: ImageJob, info: PictureInfo) -> list[str]:
    """Check that the picture is not too large for the model; returns warnings.

    Raises:
        JobError: 400, it is, and must not be enlarged.
    """
    limit, pixels = pixel_limit(work, info), work.width * work.height
    if not 0 < limit < pixels:
        return []
    got = f"{work.width}x{work.height}"
    if not work.may_enlarge or pixels > MAX_ENLARGING * limit:
        message = f"size: expected at most {limit:,} pixels with this model, got {got}, which are {pixels:,}"
        raise JobError(400, message, "size")
    width, height = within((work.width, work.height), limit)
    return [f"size: painted in {width}x{height}, the largest of this model, and enlarged to {got}"]


def _side(pixels: float) -> int:
    return max(1, math.floor(pixels + 0.5))
