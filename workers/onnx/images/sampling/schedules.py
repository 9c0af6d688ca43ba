"""Which noise levels the steps of a picture go through: falling sigmas, with a last one of 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workers.onnx.images.sampling.levels import NoiseLevels, Numbers

_KARRAS_RHO = 7.0
_LCM_STEPS = 50
"""The steps that latent consistency models were distilled from."""


def _discrete(levels: NoiseLevels, steps: int) -> Numbers:
    return levels.sigma_at(np.linspace(levels.times - 1, 0, steps))


def _karras(levels: NoiseLevels, steps: int) -> Numbers:
    """Karras et al. 2022, equation 5."""
    return karras_between(levels.sigmas[-1], levels.sigmas[0], steps)


def karras_between(largest: float, smallest: float, steps: int) -> Numbers:
    """Karras et al. 2022, equation 5, from the ``largest`` to the ``smallest`` sigma."""
    first, last = largest ** (1 / _KARRAS_RHO), smallest ** (1 / _KARRAS_RHO)
    sigmas: Numbers = np.linspace(first, last, steps) ** _KARRAS_RHO
    return sigmas


def exponential_between(largest: float, smallest: float, steps: int) -> Numbers:
    """Sigmas whose logarithms are evenly spaced."""
    return np.exp(np.linspace(math.log(largest), math.log(smallest), steps))


def _exponential(levels: NoiseLevels, steps: int) -> Numbers:
    return exponential_between(levels.sigmas[-1], levels.sigmas[0], steps)


def _uniform(levels: NoiseLevels, steps: int) -> Numbers:
    return levels.sigma_at(np.linspace(levels.times - 1, 0, steps + 1)[:-1])


def _simple(levels: NoiseLevels, steps: int) -> Numbers:
    return levels.sigmas[levels.times - 1 - np.arange(steps) * levels.times // steps]


def _smoothstep(levels: NoiseLevels, steps: int) -> Numbers:
    places = 1.0 - np.arange(steps) / steps
    return levels.sigma_at((levels.times - 1) * places**2 * (3.0 - 2.0 * places))


def _kl_optimal(levels: NoiseLevels, steps: int) -> Numbers:
    """Sabour et al. 2024, "Align your steps", equation 14."""
    angles = np.linspace(math.atan(levels.sigmas[-1]), math.atan(levels.sigmas[0]), steps)
    return np.tan(angles)


def _lcm(levels: NoiseLevels, steps: int, origin_steps: int = _LCM_STEPS) -> Numbers:
    """Some of the steps that the model was distilled from: Luo et al. 2023, "Latent consistency models"."""
    origin_steps = min(max(origin_steps, steps), levels.times)
    origin = np.floor(np.arange(origin_steps, 0, -1) * levels.times / origin_steps) - 1
    return levels.sigma_at(origin[np.floor(np.linspace(0, len(origin), steps, endpoint=False)).astype(int)])


_MAKERS: dict[str, Callable[[NoiseLevels, int], Numbers]] = {
    "discrete": _discrete,
    "karras": _karras,
    "exponential": _exponential,
    "sgm_uniform": _uniform,
    "simple": _simple,
    "smoothstep": _smoothstep,
    "kl_optimal": _kl_optimal,
    "lcm": _lcm,
}
SCHEDULER_NAMES = tuple(_MAKERS)

TRAILING = "trailing"
_MULTISTEP = "DPMSolver"
"""In the names of diffusers' schedulers whose grid of times has one more, which is left out, and whose Karras sigmas
reach over all levels."""

_BETWEEN_TIMES = ("Euler", "Heun", "KDPM2", "LMS")
"""In the names of those whose times are not rounded when they are evenly spaced."""


def named_schedule(name: str, levels: NoiseLevels, steps: int) -> Numbers:
    """The sigmas of a schedule that a request names, and 0."""
    return _ended(_MAKERS[name](levels, steps))


def folder_schedule(config: Mapping[str, Any], levels: NoiseLevels, steps: int) -> Numbers:
    """The sigmas of the folder's ``scheduler_config.json``, and 0.

    Source of the spacings: Lin et al. 2024, table 2.
    """
    kind = str(config.get("_class_name", ""))
    if kind == "LCMScheduler":
        return _ended(_lcm(levels, steps, int(config.get("original_inference_steps", _LCM_STEPS))))
    times = _times(config, levels.times, steps, extra=int(_MULTISTEP in kind))
    sigmas = levels.sigma_at(times if any(part in kind for part in _BETWEEN_TIMES) else times.round())
    ends = (levels.sigmas[-1], levels.sigmas[0]) if _MULTISTEP in kind else (sigmas[0], sigmas[-1])
    if config.get("use_karras_sigmas"):
        sigmas = karras_between(*ends, steps)
    elif config.get("use_exponential_sigmas"):
        sigmas = exponential_between(*ends, steps)
    return _ended(sigmas)


def spacing_of(config: Mapping[str, Any]) -> str:
    """The name of the folder's own spacing: that of the times, unless the sigmas are spaced."""
    if config.get("_class_name") == "LCMScheduler":
        return "lcm"
    if config.get("use_karras_sigmas"):
        return "karras"
    return "exponential" if config.get("use_exponential_sigmas") else str(config.get("timestep_spacing", "leading"))


def _times(config: Mapping[str, Any], count: int, steps: int, extra: int) -> Numbers:
    match config.get("timestep_spacing", "leading"):
        case "linspace":
            return np.linspace(0, count - 1, steps + extra)[::-1][:steps]
        case "trailing":
            return np.round(np.arange(count, 0, -count / steps))[:steps] - 1
        case _:
            times = np.arange(steps + extra)[::-1][:steps] * (count // (steps + extra))
            return np.minimum(times + int(config.get("steps_offset", 0)), count - 1).astype(np.float64)


def _ended(sigmas: Numbers) -> Numbers:
    return np.append(sigmas, 0.0)
