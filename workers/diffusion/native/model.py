"""A model in stable-diffusion.cpp, through the C bindings of the package ``stable_diffusion_cpp``.

The package's class ``StableDiffusion`` is not used: it prints to stdout, never frees a picture's memory, and leaves the
library with a dangling callback after each call.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

import stable_diffusion_cpp as sd_cpp
from PIL import Image, ImageOps

from workers.diffusion.native.log import NATIVE_LOG
from workers.diffusion.options import DiffusionOptions
from workers.diffusion.painting import Listener, PaintError, Painting
from workers.engine import EngineLoadError

_functions: Any = sd_cpp.stable_diffusion_cpp._lib
_SAMPLERS = {name: value for name, value in sd_cpp.stable_diffusion.SAMPLE_METHOD_MAP.items() if value is not None}
_SCHEDULERS = {name: value for name, value in sd_cpp.stable_diffusion.SCHEDULER_MAP.items() if value is not None}

_libc = ctypes.CDLL(None)
_free = _libc.free
_free.argtypes = [ctypes.c_void_p]
_free.restype = None


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
        self._context = _load(options)
        self._listener = Listener()

    def names_of(self, sampler: str | None, scheduler: str | None) -> tuple[str, str]:
        """The sampler and the scheduler in use for a request; ``None`` stands for the model's default."""
        method = _SAMPLERS[sampler] if sampler else sd_cpp.sd_get_default_sample_method(self._context)
        schedule = _SCHEDULERS[scheduler] if scheduler else sd_cpp.sd_get_default_scheduler(self._context, method)
        return _name_of(method, _SAMPLERS), _name_of(schedule, _SCHEDULERS)

    def paint(self, painting: Painting, listener: Listener, preview_steps: frozenset[int]) -> Image.Image:
        """Generate the picture, in the job's size. With previews, there is one after each step.

        Raises:
            PaintError: the library returned none; the message holds the errors that it logged.
        """
        job = painting.job
        parameters, kept = _parameters(painting)
        self._listener = listener
        NATIVE_LOG.on_sampling = listener.on_sampling
        mode = sd_cpp.Preview.PREVIEW_PROJ if preview_steps else sd_cpp.Preview.PREVIEW_NONE
        callback = self._preview_callback if preview_steps else None
        sd_cpp.sd_set_preview_callback(callback, mode, 1, True, False, ctypes.c_void_p(0))
        NATIVE_LOG.forget_errors()
        try:
            found = sd_cpp.generate_image(self._context, ctypes.byref(parameters))
        finally:
            self._listener = Listener()
            del kept
        image = _take_picture(found)
        if image is None:
            raise PaintError(NATIVE_LOG.error())
        size = (job.width, job.height)
        # The library rounds sizes up to what the model supports, and stretches an input picture to that size.
        return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)

    def interrupt(self) -> bool:
        """The library cannot be interrupted within a picture."""
        return False

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

    def _on_preview(self, step: int, count: int, frames: Any, is_noisy: bool, _: ctypes.c_void_p) -> None:
        if count:
            self._listener.on_preview(abs(step), _picture_of(frames[0]))


def _load(options: DiffusionOptions) -> Any:
    parameters = sd_cpp.sd_ctx_params_t()
    _functions.sd_ctx_params_init(ctypes.byref(parameters))
    parameters.vae_decode_only = False  # image to image encodes
    parameters.free_params_immediately = False  # the next picture needs them
    parameters.n_threads = options.threads
    files = {f"{option}_path": path for option, path in options.files.items()}
    files["diffusion_model_path" if options.is_diffusion_model_only else "model_path"] = options.model_path
    for name, path in files.items():
        setattr(parameters, name, os.fsencode(path))
    NATIVE_LOG.capture()
    NATIVE_LOG.forget_errors()
    NATIVE_LOG.verbose = True
    try:
        context = sd_cpp.new_sd_ctx(ctypes.byref(parameters))
    finally:
        NATIVE_LOG.verbose = False
    if not context:
        raise EngineLoadError(NATIVE_LOG.error())
    if not sd_cpp.sd_ctx_supports_image_generation(context):
        sd_cpp.free_sd_ctx(context)
        raise EngineLoadError("expected an image model, got a video model")
    return context


def _parameters(painting: Painting) -> tuple[Any, list[Any]]:
    """The library's parameters, and the objects that must live as long as they do."""
    job = painting.job
    parameters = sd_cpp.sd_img_gen_params_t()
    _functions.sd_img_gen_params_init(ctypes.byref(parameters))
    parameters.prompt = painting.prompt.encode()
    parameters.negative_prompt = job.negative_prompt.encode()
    parameters.clip_skip = job.clip_skip or -1
    parameters.width, parameters.height = job.width, job.height
    parameters.strength = job.strength
    parameters.seed = job.seed
    parameters.sample_params.sample_steps = job.steps
    parameters.sample_params.guidance.txt_cfg = job.cfg_scale
    if job.sampler:
        parameters.sample_params.sample_method = _SAMPLERS[job.sampler]
    if job.scheduler:
        parameters.sample_params.scheduler = _SCHEDULERS[job.scheduler]
    kept: list[Any] = []
    if painting.image is not None:
        parameters.init_image = _native_image(painting.image, kept)
    if painting.mask is not None:
        parameters.mask_image = _native_image(painting.mask, kept)
    loras = (sd_cpp.sd_lora_t * len(painting.loras))(
        *(sd_cpp.sd_lora_t(False, lora.weight, os.fsencode(lora.path)) for lora in painting.loras)
    )
    parameters.loras, parameters.lora_count = loras, len(painting.loras)
    kept.append(loras)
    return parameters, kept


def _native_image(image: Image.Image, kept: list[Any]) -> Any:
    data = image.tobytes()
    pointer = ctypes.cast(ctypes.c_char_p(data), ctypes.POINTER(ctypes.c_uint8))
    kept += [data, pointer]
    return sd_cpp.sd_image_t(image.width, image.height, len(image.getbands()), pointer)


def _take_picture(found: Any) -> Image.Image | None:
    """The library's only picture, or None; frees the library's memory."""
    if not found:
        return None
    try:
        native = found[0]
        if not native.data:
            return None
        try:
            return _picture_of(native)
        finally:
            _free(native.data)
    finally:
        _free(found)


def _picture_of(native: Any) -> Image.Image:
    data = ctypes.string_at(native.data, native.width * native.height * native.channel)
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[native.channel]
    return Image.frombytes(mode, (native.width, native.height), data).convert("RGB")


def _name_of(value: int, names: dict[str, int]) -> str:
    return next((name for name, number in names.items() if number == value), "unknown")
