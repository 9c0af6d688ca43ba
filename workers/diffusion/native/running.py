"""How a model runs, as parameters of stable-diffusion.cpp."""

from __future__ import annotations

from typing import Any

import stable_diffusion_cpp as sd_cpp

from workers.diffusion.options import RunningOptions

_GIBIBYTE = 1024**3

_PREVIEWS = {"projection": "proj", "taesd": "tae", "vae": "vae"}


def set_for_model(parameters: Any, running: RunningOptions) -> None:
    """Set what ``sd_ctx_params_t`` has of it."""
    parameters.flash_attn = parameters.diffusion_flash_attn = running.flash_attention
    parameters.offload_params_to_cpu = running.offload
    parameters.max_vram = running.max_vram_bytes / _GIBIBYTE
    parameters.keep_clip_on_cpu = running.clip_on_cpu
    parameters.keep_vae_on_cpu = running.vae_on_cpu
    parameters.tae_preview_only = running.preview_by == "taesd"
    if running.weight_type:
        parameters.wtype = sd_cpp.GGML_TYPE_MAP[running.weight_type]


def set_for_picture(parameters: Any, running: RunningOptions, pixels: int) -> None:
    """Set what ``sd_img_gen_params_t`` has of it, for a picture of so many pixels."""
    parameters.vae_tiling_params.enabled = running.tiles(pixels)
    if running.step_cache:
        parameters.cache.mode = sd_cpp.SD_CACHE_MODE_MAP[running.step_cache]


def preview_mode(running: RunningOptions) -> int:
    """What makes previews."""
    return int(sd_cpp.PREVIEW_MAP[_PREVIEWS[running.preview_by]])
