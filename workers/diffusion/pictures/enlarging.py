"""Jobs that enlarge a picture: checked, with it decoded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from PIL import Image

from shared.wire.jobs import UpscaleJob
from shared.wire.payloads import JobError
from shared.wire.pictures import PictureInfo
from workers.diffusion.pictures.decoding import MAX_PIXELS, decode, opaque_picture
from workers.engine import EngineJob

DEFAULT_FACTOR = 4
"""Of most upscalers; what one has shows only when it is loaded."""

MIN_SCALE, MAX_SCALE = 1.0, 8.0


@dataclass(slots=True)
class Enlargement:
    """An accepted job. ``image`` is RGB. ``cancelled`` may be set at any time, from another thread."""

    job_id: str
    job: UpscaleJob
    image: Image.Image
    delivered: int
    received_at_s: float = field(default_factory=time.monotonic)
    cancelled: bool = False


def accept_enlargement(job: EngineJob, work: UpscaleJob, info: PictureInfo) -> Enlargement:
    """Check a job and decode its picture.

    Raises:
        JobError: the model has no upscaler, the picture cannot be decoded, or the larger one is too large.
    """
    if "upscale" not in info.features:
        raise JobError(400, "model: expected one with an upscaler (its option upscaler), got one without", "model")
    if work.scale is not None and not MIN_SCALE <= work.scale <= MAX_SCALE:
        raise JobError(400, f"scale: expected {MIN_SCALE:g} to {MAX_SCALE:g}, got {work.scale:g}", "scale")
    if not job.blobs:
        raise JobError(400, "image is required, but the job came without it", "image")
    image = opaque_picture(decode(job.blobs[0], "image"))
    factor = max(work.scale or 0.0, DEFAULT_FACTOR)
    if image.width * image.height * factor**2 > MAX_PIXELS:
        most = round(MAX_PIXELS / factor**2)
        got = f"{image.width}x{image.height}"
        raise JobError(400, f"image: expected at most {most:,} pixels to enlarge, got {got}", "image")
    return Enlargement(job.job_id, work, image, job.delivered)
