"""From an order to the parameters of stable-diffusion.cpp's ``generate_image``."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import stable_diffusion_cpp as sd_cpp

from shared.engines.diffusion_names import HIRES_UPSCALERS
from shared.wire.pictures import Hires
from workers.diffusion.native.names import SAMPLERS, SCHEDULERS
from workers.diffusion.native.pictures import native_image
from workers.diffusion.native.running import set_for_picture
from workers.diffusion.options import DiffusionOptions
from workers.diffusion.painting import Painting

_functions: Any = sd_cpp.stable_diffusion_cpp._lib


CANNY = (0.08, 0.08, 0.8, 1.0)
"""Thresholds and values of edges: those of the library's own command."""


def parameters_of(painting: Painting, options: DiffusionOptions) -> tuple[Any, list[Any]]:
    """The library's parameters, and the objects that must live as long as they do."""
    job = painting.job
    parameters = sd_cpp.sd_img_gen_params_t()
    _functions.sd_img_gen_params_init(ctypes.byref(parameters))
    parameters.prompt = painting.prompt.encode()
    parameters.negative_prompt = job.negative_prompt.encode()
    parameters.clip_skip = job.clip_skip or -1
    parameters.width, parameters.height = job.width, job.height
    set_for_picture(parameters, options.running, job.width * job.height)
    parameters.strength = painting.strength
    parameters.seed = job.seed
    parameters.sample_params.sample_steps = painting.all_steps
    parameters.sample_params.guidance.txt_cfg = painting.cfg_scale
    if job.guidance is not None:
        parameters.sample_params.guidance.distilled_guidance = job.guidance
    if job.flow_shift is not None:
        parameters.sample_params.flow_shift = job.flow_shift
    if job.sampler:
        parameters.sample_params.sample_method = SAMPLERS[job.sampler]
    if job.scheduler:
        parameters.sample_params.scheduler = SCHEDULERS[job.scheduler]
    kept: list[Any] = []
    if painting.image is not None:
        parameters.init_image = native_image(painting.image, kept)
    if painting.mask is not None:
        parameters.mask_image = native_image(painting.mask, kept)
    if painting.control is not None:
        parameters.control_image = native_image(painting.control, kept)
        parameters.control_strength = job.control_strength
        if job.canny:
            sd_cpp.preprocess_canny(parameters.control_image, *CANNY, False)
    if painting.references:
        references = (sd_cpp.sd_image_t * len(painting.references))(
            *(native_image(reference, kept) for reference in painting.references)
        )
        parameters.ref_images, parameters.ref_images_count = references, len(painting.references)
        parameters.auto_resize_ref_image = True  # they have sizes of their own
        kept.append(references)
    if job.hires is not None:
        _set_hires(parameters, painting, job.hires, options.upscaler)
    loras = (sd_cpp.sd_lora_t * len(painting.loras))(
        *(sd_cpp.sd_lora_t(False, lora.weight, os.fsencode(lora.path)) for lora in painting.loras)
    )
    parameters.loras, parameters.lora_count = loras, len(painting.loras)
    kept.append(loras)
    return parameters, kept


def _set_hires(parameters: Any, painting: Painting, hires: Hires, upscaler_path: str) -> None:
    """Set the second pass, whose size is the picture's, and the size of the first one."""
    job = painting.job
    parameters.width, parameters.height = (max(64, round(side / hires.scale)) for side in (job.width, job.height))
    second = parameters.hires
    second.enabled = True
    second.upscaler = sd_cpp.SD_HIRES_UPSCALER_MAP[hires.upscaler or HIRES_UPSCALERS[0]]
    if second.upscaler == sd_cpp.SDHiresUpscaler.SD_HIRES_UPSCALER_MODEL:
        second.model_path = os.fsencode(upscaler_path)
    second.target_width, second.target_height = job.width, job.height
    second.steps = hires.steps or painting.all_steps
    second.denoising_strength = hires.strength
