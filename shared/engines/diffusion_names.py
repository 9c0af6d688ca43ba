"""Names of samplers and schedulers, as stable-diffusion.cpp spells them, and as other image front ends do.

The other names are those of Automatic1111's and Forge's web UI, of k-diffusion and of ComfyUI.
Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/sd_samplers_kdiffusion.py``,
``modules/sd_samplers_timesteps.py`` and ``modules/sd_schedulers.py``
"""

from __future__ import annotations

import re
from typing import Literal, get_args

SAMPLER_LABELS = {
    "euler": "Euler",
    "euler_a": "Euler a",
    "heun": "Heun",
    "dpm2": "DPM2",
    "dpm++2s_a": "DPM++ 2S a",
    "dpm++2m": "DPM++ 2M",
    "dpm++2mv2": "DPM++ 2M v2",
    "ipndm": "iPNDM",
    "ipndm_v": "iPNDM v",
    "lcm": "LCM",
    "ddim_trailing": "DDIM",
    "tcd": "TCD",
    "res_multistep": "Res multistep",
    "res_2s": "Res 2s",
    "er_sde": "ER SDE",
}
"""What front ends show, by the library's name."""

SCHEDULER_LABELS = {
    "discrete": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "ays": "Align Your Steps",
    "gits": "GITS",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "smoothstep": "Smoothstep",
    "kl_optimal": "KL Optimal",
    "lcm": "LCM",
    "bong_tangent": "Bong tangent",
}
"""What front ends show, by the library's name."""

SAMPLERS = tuple(SAMPLER_LABELS)
SCHEDULERS = tuple(SCHEDULER_LABELS)

HiresUpscaler = Literal[
    "latent",
    "latent_nearest",
    "latent_nearest_exact",
    "latent_antialiased",
    "latent_bicubic",
    "latent_bicubic_antialiased",
    "lanczos",
    "nearest",
    "model",
]
"""What enlarges a picture between its two passes; ``model`` is the server's ESRGAN upscaler."""

HIRES_UPSCALERS: tuple[HiresUpscaler, ...] = get_args(HiresUpscaler)

SAMPLER_ALIASES = {
    "euler_a": ("k_euler_a", "euler_ancestral"),
    "heun": ("k_heun",),
    "euler": ("k_euler",),
    "dpm2": ("k_dpm_2",),
    "dpm++2s_a": ("k_dpmpp_2s_a", "dpmpp_2s_ancestral"),
    "dpm++2m": ("k_dpmpp_2m",),
    "ddim_trailing": ("ddim",),
}
"""Further names, which differ by more than the spelling that :func:`find_sampler` ignores."""

SCHEDULER_ALIASES = {
    "discrete": ("uniform", "normal"),
    "exponential": ("polyexponential",),  # with Automatic1111's rho of 1 they are the same
    "ays": ("align_your_steps",),
}

STAND_INS = {
    "dpm++sde": "dpm++2s_a",
    "dpm++2msde": "dpm++2m",
    "dpm++2msdeheun": "dpm++2m",
    "dpm++3msde": "dpm++2m",
    "dpmfast": "dpm++2m",
    "dpmadaptive": "dpm++2m",
    "unipc": "dpm++2m",
    "plms": "ipndm",
    "lms": "ipndm",
    "dpm2a": "dpm2",
    "restart": "heun",
    "ddimcfg++": "ddim_trailing",
}
"""Samplers of Automatic1111 that the library lacks, as :func:`_key` spells them, with the one of the same kind."""

SCHEDULER_STAND_INS = {"ddim": "simple", "ddimuniform": "simple", "beta": "discrete", "turbo": "sgm_uniform"}
"""The same for schedulers."""

_IGNORED = re.compile(r"[\s_-]+")


def find_sampler(name: str) -> tuple[str, str | None] | None:
    """The library's sampler that ``name`` means, and its scheduler if ``name`` has one, as in ``DPM++ 2M Karras``.

    Capitals, spaces, hyphens and underscores do not count. None if there is no such sampler.
    """
    return _with_scheduler(_key(name), _SAMPLER_OF)


def find_similar_sampler(name: str) -> tuple[str, str | None] | None:
    """As :func:`find_sampler`, of a sampler that the library lacks: one of the same kind, which it has."""
    return _with_scheduler(_key(name), STAND_INS)


def find_scheduler(name: str) -> str | None:
    """The library's scheduler that ``name`` means, spelt as for :func:`find_sampler`; None if there is none."""
    return _SCHEDULER_OF.get(_key(name))


def find_similar_scheduler(name: str) -> str | None:
    """As :func:`find_scheduler`, of a scheduler that the library lacks: the most similar one."""
    return SCHEDULER_STAND_INS.get(_key(name))


def _key(name: str) -> str:
    key = _IGNORED.sub("", name.casefold().removeprefix("k_")).replace("dpmpp", "dpm++")
    return key.replace("ancestral", "a")


def _with_scheduler(key: str, samplers: dict[str, str]) -> tuple[str, str | None] | None:
    if key in samplers:
        return samplers[key], None
    for ending, scheduler in _SCHEDULER_OF.items():
        if key.endswith(ending) and (sampler := samplers.get(key.removesuffix(ending))) is not None:
            return sampler, scheduler
    return None


def _keys(labels: dict[str, str], aliases: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {_key(name): known for known, label in labels.items() for name in (known, label, *aliases.get(known, ()))}


_SAMPLER_OF = _keys(SAMPLER_LABELS, SAMPLER_ALIASES)
_SCHEDULER_OF = _keys(SCHEDULER_LABELS, SCHEDULER_ALIASES)
