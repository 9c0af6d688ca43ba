"""From an order to the parameters of stable-diffusion.cpp's ``generate_image``."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import stable_diffusion_cpp as sd_cpp

from workers.diffusion.native.names import SAMPLERS, SCHEDULERS
from workers.diffusion.native.pictures import native_image
from workers.diffusion.painting import Painting

_functions: Any = sd_cpp.stable_diffusion_cpp._lib


def parameters_of(painting: Painting) -> tuple[Any, list[Any]]:
    """The library's parameters, and the objects that must live as long as they do."""
    job = painting.job
    parameters = sd_cpp.sd_img_gen_params_t()
    _functions.sd_img_gen_params_init(ctypes.byref(parameters))
    parameters.prompt = painting.prompt.encode()
    parameters.negative_prompt = job.negative_prompt.encode()
    parameters.clip_skip = job.clip_skip or -1
    parameters.width, parameters.height = job.width, job.height
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
    loras = (sd_cpp.sd_lora_t * len(painting.loras))(
        *(sd_cpp.sd_lora_t(False, lora.weight, os.fsencode(lora.path)) for lora in painting.loras)
    )
    parameters.loras, parameters.lora_count = loras, len(painting.loras)
    kept.append(loras)
    return parameters, kept
