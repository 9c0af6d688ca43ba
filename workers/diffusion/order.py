"""An accepted image job: checked, with its pictures decoded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace
from PIL import Image

from shared.kinds import kind_of
from shared.wire.jobs import ImageJob, UpscaleJob
from shared.wire.payloads import JobError
from workers.diffusion.loras import Lora
from workers.diffusion.painting import Painting
from workers.diffusion.pictures.canvas import Canvas
from workers.diffusion.pictures.decoding import decode, input_picture, mask_picture, opaque_picture
from workers.diffusion.pictures.enlarging import Enlargement, accept_enlargement
from workers.diffusion.pictures.masks import Repainting
from workers.diffusion.prompts import check_text, check_weights
from workers.diffusion.rules import OrderRules
from workers.diffusion.settling import check_features, check_size, pixel_limit, settled, with_size
from workers.engine import EngineJob


@dataclass(slots=True)
class Order:
    """An accepted job, in which nothing is left open. ``prompt`` has no LoRA tags.

    ``image`` and ``mask`` are on the canvas; ``repainting`` has what of the picture is kept. ``references`` have their
    own sizes. ``warnings`` name what the job asks for and does not get. ``cancelled`` may be set at any time, from
    another thread.
    """

    job_id: str
    job: ImageJob
    prompt: str
    loras: list[Lora]
    delivered: int
    canvas: Canvas
    image: Image.Image | None = None
    mask: Image.Image | None = None
    repainting: Repainting | None = None
    references: tuple[Image.Image, ...] = ()
    control: Image.Image | None = None
    warnings: list[str] = field(default_factory=list)
    received_at_s: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    @property
    def painting(self) -> Painting:
        """What the model has to paint: the canvas."""
        width, height = self.canvas.painted
        return Painting(
            job=replace(self.job, width=width, height=height),
            prompt=self.prompt,
            steps=self.steps,
            loras=self.loras,
            image=self.image,
            mask=self.mask,
            references=self.references,
            control=self.control,
        )

    @property
    def passes(self) -> tuple[int, ...]:
        """The denoising steps of each pass; a second one repaints what the first one painted smaller.

        How many steps the second one has is, in single precision too, the formula of stable-diffusion.cpp.
        """
        hires = self.job.hires
        if hires is None:
            return (self.steps,)
        strength = min(max(np.float32(hires.strength), np.float32(0.0001)), np.float32(1.0))
        schedule = int(np.float32(hires.steps or self.job.steps or 1) / strength)
        return self.steps, max(min(int(np.float32(schedule) * strength), schedule - 1), 0) + 1

    @property
    def pixels(self) -> int:
        """Of what is painted."""
        return self.canvas.painted[0] * self.canvas.painted[1]

    @property
    def steps(self) -> int:
        """Denoising steps of the first pass. With an input picture, only a fraction ``strength`` of the steps is done,
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


def accept(job: EngineJob, rules: OrderRules) -> Order | Enlargement:
    """Check a job and decode its pictures.

    Raises:
        JobError: this engine cannot do the job, or a picture cannot be decoded.
    """
    work = job.work
    if isinstance(work, UpscaleJob):
        return accept_enlargement(job, work, rules.info)
    if not isinstance(work, ImageJob):
        raise JobError(400, f"model: this model generates pictures, it does not serve {kind_of(work)} jobs", "model")
    work = settled(work, rules.info)
    rules.check(work)
    check_features(work, rules.info)
    check_text("prompt", work.prompt)
    check_text("negative_prompt", work.negative_prompt)
    prompt, loras = rules.take_loras(work.prompt, work.loras)
    check_weights("prompt", prompt)
    check_weights("negative_prompt", work.negative_prompt)
    given = _decoded(work, job)
    limit = pixel_limit(work, rules.info)
    followed = given.init if given.init is not None else next(iter(given.references), None)
    if followed is not None:
        work = with_size(work, followed.size, limit)
    warnings = check_size(work, rules.info)
    canvas = Canvas.of((work.width, work.height), rules.info.side_multiple, limit)
    rules.check_memory(replace(work, width=canvas.painted[0], height=canvas.painted[1]))
    order = Order(
        job.job_id, work, prompt, loras, job.delivered, canvas, references=given.references, warnings=warnings
    )
    _lay_on_canvas(order, given)
    return order


@dataclass(frozen=True, slots=True)
class _Given:
    """The pictures of a job, upright."""

    init: Image.Image | None
    mask: Image.Image | None
    control: Image.Image | None
    references: tuple[Image.Image, ...]


def _decoded(work: ImageJob, job: EngineJob) -> _Given:
    init, mask = _picture(job, work.init, "image"), _picture(job, work.mask, "mask")
    if mask is not None and init is None:
        raise JobError(400, "mask: expected a picture with it, got none", "mask")
    if mask is not None and init is not None and mask.size != init.size:
        expected, got = ("x".join(map(str, each.size)) for each in (init, mask))
        raise JobError(400, f"mask: expected the size of the input picture, {expected}, got {got}", "mask")
    control = _picture(job, work.control, "control_image")
    references = [_picture(job, place, "image") for place in work.references]
    return _Given(init, mask, control, tuple(opaque_picture(image) for image in references if image is not None))


def _lay_on_canvas(order: Order, given: _Given) -> None:
    size, canvas = order.canvas.size, order.canvas
    if given.init is not None:
        image = input_picture(given.init, size)
        order.image = canvas.widened(image)
        if given.mask is not None:
            order.repainting = Repainting.of(image, mask_picture(given.mask, size), order.job.mask_blur)
            order.mask = canvas.widened_mask(order.repainting.mask)
    if given.control is not None:
        order.control = canvas.widened(input_picture(given.control, size))


def _picture(job: EngineJob, place: int | None, field_name: str) -> Image.Image | None:
    if place is None:
        return None
    if not 0 <= place < len(job.blobs):
        raise JobError(400, f"{field_name} is required, but the job came without it", field_name)
    return decode(job.blobs[place], field_name)
