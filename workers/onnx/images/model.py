"""A pipeline in ONNX as the model of the image engine: from an order to its picture."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps

from workers.diffusion.painting import Listener, PaintError, Painting
from workers.onnx.images.autoencoder import LATENT_CHANNELS, PIXELS
from workers.onnx.images.graph import Floats
from workers.onnx.images.loading import Pipeline
from workers.onnx.images.preview import preview
from workers.onnx.images.prompts.encoders import EncodedPrompt
from workers.onnx.images.sampling.levels import Numbers
from workers.onnx.images.sampling.noise import SeededNoise
from workers.onnx.images.sampling.samplers import SAMPLERS_BY_NAME, Walk
from workers.onnx.images.sampling.schedules import TRAILING, folder_schedule, named_schedule, spacing_of
from workers.onnx.images.sampling.starts import first_scale
from workers.onnx.images.unet import INPAINTING_CHANNELS, Conditions

SIDE = 64
"""Pixels; UNets halve the latents three times, so other sides are rounded up to a multiple of it, and cut."""

_SAMPLERS_BY_CLASS = (
    ("EulerAncestral", "euler_a"),
    ("Euler", "euler"),
    ("DPMSolver", "dpm++2m"),
    ("Heun", "heun"),
    ("KDPM2", "dpm2"),
    ("LCM", "lcm"),
    ("DDIM", "euler"),
    ("PNDM", "ipndm"),
    ("LMS", "ipndm"),
)
"""By a part of the name of diffusers' scheduler: the sampler that does the same, or is nearest to it."""

_DEFAULT_SAMPLER = "euler_a"

Encoded = tuple[EncodedPrompt, EncodedPrompt | None]
"""What is asked for, and what is not."""


class OnnxPictureModel:
    """A loaded pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._last_read: tuple[tuple[str, str | None, int], Encoded] | None = None
        kind = str(pipeline.scheduler.get("_class_name", ""))
        self._sampler = next((name for part, name in _SAMPLERS_BY_CLASS if part in kind), _DEFAULT_SAMPLER)

    def names_of(self, sampler: str | None, scheduler: str | None) -> tuple[str, str]:
        """The sampler and the scheduler in use for a request; ``None`` stands for the model's default."""
        if sampler == "ddim_trailing" and scheduler is None:
            return sampler, TRAILING
        return sampler or self._sampler, scheduler or spacing_of(self._pipeline.scheduler)

    def paint(self, painting: Painting, listener: Listener, preview_steps: frozenset[int]) -> Image.Image:
        """Generate the picture, in the job's size.

        Raises:
            PaintError: a graph failed, its numbers became too large, or the picture is cancelled.
        """
        self._pipeline.interrupt.begin(listener.is_cancelled)
        job = painting.job
        size = (_rounded(job.width), _rounded(job.height))
        noise = SeededNoise(job.seed)
        sigmas = self._sigmas(painting)
        shape = (1, LATENT_CHANNELS, size[1] // PIXELS, size[0] // PIXELS)
        x = noise.normal(shape) * np.float32(self._first_scale(painting, sigmas))
        kept, mask = self._input(painting, size)
        if kept is not None and painting.strength < 1.0:
            x += kept
        conditions = self._conditions(painting, size, kept, mask)
        listener.on_sampling()

        def denoise(noisy: Floats, sigma: float) -> Floats:
            found = self._pipeline.unet.denoise(noisy, sigma, conditions, is_last=sigma == sigmas[-2])
            return found if mask is None or kept is None else kept + (found - kept) * mask

        def step_done(number: int, denoised: Floats) -> None:
            if number in preview_steps:
                listener.on_preview(number, preview(denoised))
            listener.on_step(number, len(sigmas) - 1)

        walk = Walk(sigmas, denoise, lambda: noise.normal(shape), step_done)
        latents = SAMPLERS_BY_NAME[job.sampler or self._sampler](x, walk)
        if not np.isfinite(latents).all():
            raise PaintError("the UNet's numbers became too large; other weights, or single precision, may help")
        image = self._pipeline.autoencoder.decode(latents)
        wanted = (job.width, job.height)
        return image if image.size == wanted else ImageOps.fit(image, wanted, Image.Resampling.LANCZOS)

    def enlarge(self, image: Image.Image, scale: float | None, listener: Listener) -> Image.Image:
        """It has no upscaler."""
        raise PaintError("the model has no upscaler")

    def interrupt(self) -> bool:
        """End the picture in progress between two nodes of a graph."""
        self._pipeline.interrupt.interrupt()
        return True

    def held_bytes(self) -> int:
        """There are no other processes."""
        return 0

    def close(self) -> None:
        """The sessions are freed with this object."""

    def detach(self) -> None:
        """Pictures can be interrupted, so there is nothing to do."""

    def _sigmas(self, painting: Painting) -> Numbers:
        """The noise levels of the steps that are done."""
        job, levels = painting.job, self._pipeline.levels
        if job.scheduler is not None:
            sigmas = named_schedule(job.scheduler, levels, painting.all_steps)
        else:
            config = dict(self._pipeline.scheduler)
            if job.sampler == "ddim_trailing":
                config = {"timestep_spacing": TRAILING}
            sigmas = folder_schedule(config, levels, painting.all_steps)
        return sigmas[len(sigmas) - 1 - painting.steps :]

    def _first_scale(self, painting: Painting, sigmas: Numbers) -> float:
        """What the noise is multiplied by at the begin."""
        sigma = float(sigmas[0])
        if painting.image is not None and painting.strength < 1.0:
            return sigma
        return first_scale(self._pipeline.scheduler, sigma)

    def _input(self, painting: Painting, size: tuple[int, int]) -> tuple[Floats | None, Floats | None]:
        """The latents of the input picture, and where they may change: 1 there, else 0."""
        if painting.image is None:
            return None, None
        kept = self._pipeline.autoencoder.encode(_values(painting.image, size))
        if painting.mask is None:
            return kept, None
        return kept, _latent_mask(painting.mask, (size[0] // PIXELS, size[1] // PIXELS))

    def _conditions(
        self, painting: Painting, size: tuple[int, int], kept: Floats | None, mask: Floats | None
    ) -> Conditions:
        job, unet = painting.job, self._pipeline.unet
        is_guided = painting.cfg_scale > 1.0 and not unet.is_distilled_with_guidance
        negative = job.negative_prompt if is_guided else None
        positive, without = self._read(painting.prompt, negative, job.clip_skip)
        width, height = size
        conditions = Conditions(positive, without, painting.cfg_scale, (height, width, 0, 0, height, width))
        if unet.channels != INPAINTING_CHANNELS:
            return conditions
        return replace(conditions, inpainting=self._seen(painting, size, mask))

    def _read(self, prompt: str, negative: str | None, clip_skip: int) -> Encoded:
        """The states of a prompt, which the pictures of one request share: those of the last one are kept."""
        asked = (prompt, negative, clip_skip)
        if self._last_read is None or self._last_read[0] != asked:
            self._last_read = (asked, self._pipeline.reader.read(*asked))
        return self._last_read[1]

    def _seen(self, painting: Painting, size: tuple[int, int], mask: Floats | None) -> Floats:
        """What a UNet for inpainting sees: the mask, and the latents of the picture with grey where it is white."""
        if mask is None:
            mask = np.ones((1, 1, size[1] // PIXELS, size[0] // PIXELS), np.float32)
        image = np.zeros((1, 3, size[1], size[0]), np.float32)
        if painting.image is not None and painting.mask is not None:
            hidden = np.asarray(painting.mask.resize(size, Image.Resampling.NEAREST)) >= 128
            image = np.where(hidden, np.float32(0), _values(painting.image, size))
        if not self._pipeline.autoencoder.can_encode:
            return np.concatenate([mask, np.zeros((1, LATENT_CHANNELS, *mask.shape[2:]), np.float32)], axis=1)
        return np.concatenate([mask, self._pipeline.autoencoder.encode(image)], axis=1)


def _rounded(side: int) -> int:
    return math.ceil(side / SIDE) * SIDE


def _values(image: Image.Image, size: tuple[int, int]) -> Floats:
    """A picture as 1 x 3 x height x width, from -1 to 1."""
    scaled = image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
    values = np.asarray(scaled, np.float32).transpose(2, 0, 1)[None] / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(values)


def _latent_mask(mask: Image.Image, size: tuple[int, int]) -> Floats:
    """1 where at least half of a latent's pixels are white."""
    parts = np.asarray(mask.resize(size, Image.Resampling.BOX))
    return (parts >= 128).astype(np.float32)[None, None]
