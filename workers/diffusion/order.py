"""An accepted image job: checked, with its pictures decoded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from shared.kinds import kind_of
from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from workers.diffusion.loras import Lora
from workers.diffusion.pictures.decoding import decode, input_picture, mask_picture
from workers.diffusion.prompts import check_text, check_weights
from workers.diffusion.rules import OrderRules
from workers.diffusion.settling import settled, with_size
from workers.engine import EngineJob


@dataclass(slots=True)
class Order:
    """An accepted job, in which nothing is left open. ``prompt`` has no LoRA tags.

    ``cancelled`` may be set at any time, from another thread.
    """

    job_id: str
    job: ImageJob
    prompt: str
    loras: list[Lora]
    delivered: int
    image: Image.Image | None = None
    mask: Image.Image | None = None
    received_at_s: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    @property
    def steps(self) -> int:
        """Denoising steps. With an input picture, only a fraction ``strength`` of the steps is done,
        the last ones.

        The formula is that of stable-diffusion.cpp, which computes in single precision.
        """
        job = self.job
        steps, strength = job.steps or 1, 1.0 if job.strength is None else job.strength
        if job.init is None or strength >= 1.0:
            return steps
        return min(int(np.float32(steps) * np.float32(strength)), steps - 1) + 1

    @property
    def preview_steps(self) -> frozenset[int]:
        """The steps that are followed by a preview: evenly spaced, without the last step."""
        wanted = min(self.job.previews, self.steps - 1)
        return frozenset(round(self.steps * (index + 1) / (wanted + 1)) for index in range(wanted))


def accept(job: EngineJob, rules: OrderRules) -> Order:
    """Check a job and decode its pictures.

    Raises:
        JobError: this engine cannot do the job, or a picture cannot be decoded.
    """
    work = job.work
    if not isinstance(work, ImageJob):
        raise JobError(400, f"model: this model generates pictures, it does not serve {kind_of(work)} jobs", "model")
    work = settled(work, rules.info)
    rules.check(work)
    check_text("prompt", work.prompt)
    check_text("negative_prompt", work.negative_prompt)
    prompt, loras = rules.take_loras(work.prompt)
    check_weights("prompt", prompt)
    check_weights("negative_prompt", work.negative_prompt)
    order = Order(job.job_id, work, prompt, loras, job.delivered)
    if work.init is not None:
        _take_pictures(order, job, work.init)
    return order


def _take_pictures(order: Order, job: EngineJob, init: int) -> None:
    image = decode(_blob(job, init, "image"), "image")
    order.job = job_of = with_size(order.job, image.size)
    size = (job_of.width, job_of.height)
    if job_of.mask is not None:
        mask = decode(_blob(job, job_of.mask, "mask"), "mask")
        if mask.size != image.size:
            expected, got = ("x".join(map(str, each.size)) for each in (image, mask))
            raise JobError(400, f"mask: expected the size of the input picture, {expected}, got {got}", "mask")
        order.mask = mask_picture(mask, size)
    order.image = input_picture(image, size)


def _blob(job: EngineJob, index: int, field_name: str) -> memoryview:
    if index >= len(job.blobs):
        raise JobError(400, f"{field_name} is required, but the job came without it", field_name)
    return job.blobs[index]
