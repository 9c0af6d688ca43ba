"""A model in stable-diffusion.cpp, through the C bindings of the package ``stable_diffusion_cpp``.

The package's class ``StableDiffusion`` is not used: it prints to stdout, never frees a picture's memory, and leaves the
library with a dangling callback after each call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import stable_diffusion_cpp as sd_cpp
from PIL import Image, ImageOps

from workers.diffusion.native.flaws import check_painted
from workers.diffusion.native.loading import load
from workers.diffusion.native.log import NATIVE_LOG
from workers.diffusion.native.names import SAMPLERS, SCHEDULERS, name_of
from workers.diffusion.native.parameters import parameters_of
from workers.diffusion.native.pictures import picture_of, take_picture
from workers.diffusion.native.running import preview_mode
from workers.diffusion.native.upscaling import enlarged
from workers.diffusion.options import DiffusionOptions
from workers.diffusion.painting import Listener, PaintError, Painting

_libc = ctypes.CDLL(None)


class DiffusionModel:
    """A loaded model. Only one call may run at a time; calls take long and release the GIL."""

    def __init__(self, options: DiffusionOptions, report: Callable[[float], None]) -> None:
        """Load the model, calling ``report`` with the fraction loaded.

        Raises:
            EngineLoadError: the model cannot be loaded.
        """
        self._listener = Listener(on_step=lambda step, steps: report(min(step / max(steps, 1), 1.0)))
        # The library keeps these pointers, so they must live as long as the model.
        self._step_callback = sd_cpp.sd_progress_callback(self._on_step)
        self._preview_callback = sd_cpp.sd_preview_callback(self._on_preview)
        sd_cpp.sd_set_progress_callback(self._step_callback, ctypes.c_void_p(0))
        self._options = options
        self._preview_steps: frozenset[int] = frozenset()
        self._last_step = 0
        self._last_preview: Image.Image | None = None
        self._context = load(options)
        self._listener = Listener()

    def names_of(self, sampler: str | None, scheduler: str | None) -> tuple[str, str]:
        """The sampler and the scheduler in use for a request; ``None`` stands for the model's default."""
        method = SAMPLERS[sampler] if sampler else sd_cpp.sd_get_default_sample_method(self._context)
        schedule = SCHEDULERS[scheduler] if scheduler else sd_cpp.sd_get_default_scheduler(self._context, method)
        return name_of(method, SAMPLERS), name_of(schedule, SCHEDULERS)

    def paint(self, painting: Painting, listener: Listener, preview_steps: frozenset[int]) -> Image.Image:
        """Generate the picture, in the job's size.

        Raises:
            PaintError: the library returned none, and the message holds the errors that it logged; or only one colour,
                as it does for what is no number.
            OrderRefused: nothing of a LoRA fits the model.
        """
        job = painting.job
        parameters, kept = parameters_of(painting, self._options)
        if job.hires is not None and not job.scheduler:  # the library does not look for its default there
            parameters.sample_params.scheduler = SCHEDULERS[self.names_of(job.sampler, None)[1]]
        self._listener, self._preview_steps = listener, preview_steps
        self._last_step, self._last_preview = painting.steps, None
        NATIVE_LOG.on_sampling = listener.on_sampling
        self._preview_before(1)
        NATIVE_LOG.forget_errors()
        try:
            found = sd_cpp.generate_image(self._context, ctypes.byref(parameters))
        finally:
            self._listener = Listener()
            del kept
        image = take_picture(found)
        if image is None:
            raise PaintError(NATIVE_LOG.error())
        NATIVE_LOG.lora_uses.check(painting.loras, listener)
        check_painted(image, self._last_preview, painting)
        size = (job.width, job.height)
        # The library rounds sizes up to what the model supports, and stretches an input picture to that size.
        return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)

    def enlarge(self, image: Image.Image, scale: float | None, listener: Listener) -> Image.Image:
        """The picture enlarged by the model's upscaler, ``scale`` times or by the upscaler's own factor.

        Raises:
            PaintError: the upscaler cannot be loaded, or gives none.
        """
        self._listener = listener
        try:
            return enlarged(image, scale, self._options.upscaler, self._options.threads)
        finally:
            self._listener = Listener()

    def interrupt(self) -> bool:
        """The library cannot be interrupted within a picture."""
        return False

    def held_bytes(self) -> int:
        """There are no other processes."""
        return 0

    def close(self) -> None:
        """Free the model. No picture may be in progress."""
        sd_cpp.free_sd_ctx(self._context)

    def detach(self) -> None:
        """Make it safe for the process to exit while a picture is in progress.

        The library must no longer call Python. Without a progress callback it would print progress, so it gets a C
        function without side effects instead. Its destructors must not run either, because its threads would crash:
        with glibc, the process exits just before them, with its exit status unchanged.
        """
        sd_cpp.sd_set_log_callback(None, ctypes.c_void_p(0))
        sd_cpp.sd_set_progress_callback(ctypes.cast(_libc.labs, ctypes.c_void_p), ctypes.c_void_p(0))
        if hasattr(_libc, "on_exit"):
            _libc.on_exit(ctypes.cast(_libc._exit, ctypes.c_void_p), None)

    def _on_step(self, step: int, steps: int, seconds: float, _: ctypes.c_void_p) -> None:
        self._listener.on_step(step, steps)
        self._preview_before(step + 1)

    def _preview_before(self, step: int) -> None:
        """Have a preview made of a step if one is wanted, since it may take as long as the step.

        A projection takes no time: one of the last step shows whether the model computes numbers.
        """
        mode = preview_mode(self._options.running) if self._preview_steps else sd_cpp.Preview.PREVIEW_PROJ
        wanted = step in self._preview_steps or (step == self._last_step and mode == sd_cpp.Preview.PREVIEW_PROJ)
        sd_cpp.sd_set_preview_callback(self._preview_callback, mode, 1, wanted, False, ctypes.c_void_p(0))

    def _on_preview(self, step: int, count: int, frames: Any, is_noisy: bool, _: ctypes.c_void_p) -> None:
        if not count:
            return
        picture = picture_of(frames[0])
        if abs(step) == self._last_step:
            self._last_preview = picture
        if abs(step) in self._preview_steps:
            self._listener.on_preview(abs(step), picture)
