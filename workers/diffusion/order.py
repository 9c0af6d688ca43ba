"""An image job as it was accepted: checked, its pictures decoded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from shared.kinds import kind_of
from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from workers.diffusion.loras import Lora, take_loras
from workers.diffusion.pictures import input_picture, mask_picture
from workers.engine import EngineJob

MIN_GITS_STEPS = 2
"""The library crashes when this scheduler is asked for fewer."""


@dataclass(slots=True)
class Order:
    """``prompt`` is without its LoRAs. ``cancelled`` may be set at any time."""

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
        """Denoising steps of one picture: of an input picture, only the last part of the way is gone.

        The numbers are the library's, which computes with single precision.
        """
        job = self.job
        if not job.has_input or job.strength >= 1.0:
            return job.steps
        return min(int(np.float32(job.steps) * np.float32(job.strength)), job.steps - 1) + 1

    @property
    def preview_steps(self) -> frozenset[int]:
        """After which steps of each picture a preview is wanted: evenly spaced, not the last one."""
        wanted = min(self.job.previews, self.steps - 1)
        return frozenset(round(self.steps * (index + 1) / (wanted + 1)) for index in range(wanted))


def accept(job: EngineJob, lora_folder: str) -> Order:
    """Check a job and decode what belongs to it.

    Raises:
        JobError: it asks for what this engine cannot do.
    """
    work = job.work
    if not isinstance(work, ImageJob):
        raise JobError(400, f"this model makes pictures, not {kind_of(work)}", "model")
    _check_name("sampler", work.sampler, SAMPLERS)
    _check_name("scheduler", work.scheduler, SCHEDULERS)
    if work.scheduler == "gits" and work.steps < MIN_GITS_STEPS:
        raise JobError(
            400, f"scheduler: gits takes at least {MIN_GITS_STEPS} steps; sample_steps is {work.steps}", "scheduler"
        )
    _check_text("prompt", work.prompt)
    _check_text("negative_prompt", work.negative_prompt)
    prompt, loras = take_loras(work.prompt, lora_folder)
    order = Order(job.job_id, work, prompt, loras, job.delivered)
    size = (work.width, work.height)
    if work.has_input:
        order.image = input_picture(_blob(job, 0, "image"), size)
    if work.has_mask:
        order.mask = mask_picture(_blob(job, 1, "mask"), size)
    return order


def _check_name(field_name: str, name: str | None, accepted: tuple[str, ...]) -> None:
    if name is not None and name not in accepted:
        message = f"{field_name}: there is no {name[:80]!r}; accepted are {', '.join(accepted)}"
        raise JobError(400, message, field_name)


def _check_text(field_name: str, text: str) -> None:
    if "\0" in text:
        raise JobError(400, f"{field_name}: it has a NUL character, which the model cannot read", field_name)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise JobError(
            400, f"{field_name}: it has half of a surrogate pair, which is no character", field_name
        ) from None


def _blob(job: EngineJob, index: int, field_name: str) -> memoryview:
    if index >= len(job.blobs):
        raise JobError(400, f"{field_name}: the job needs a picture, and none came with it", field_name)
    return job.blobs[index]
