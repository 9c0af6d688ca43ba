"""How noisy a latent picture is at each time of a model's training.

A latent picture with noise of level sigma is here ``x = x0 + sigma * noise``, as in Karras et al. 2022, "Elucidating
the design space of diffusion-based generative models". The UNet has learnt ``x / sqrt(1 + sigma^2)``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.engine import EngineLoadError

Numbers = NDArray[np.float64]

MAX_TIMES = 100_000

_SMALLEST_ALPHA = 2.0**-24
"""Of a model that has learnt pure noise, for which sigma is infinite."""


class NoiseLevels:
    """The noise levels of a model, by time: 0 is the least noisy, ``times - 1`` the most."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """From the folder's ``scheduler_config.json``.

        Raises:
            EngineLoadError: it has values that are not known.
        """
        betas = _betas(config)
        alphas: Numbers = np.asarray(np.cumprod(1.0 - betas), np.float64)
        if config.get("rescale_betas_zero_snr"):
            alphas = _without_signal(alphas)
        self.sigmas: Numbers = np.sqrt((1.0 - alphas) / alphas)
        self._logarithms = np.log(self.sigmas)

    @property
    def times(self) -> int:
        """How many times there are."""
        return len(self.sigmas)

    def sigma_at(self, times: Numbers) -> Numbers:
        """Sigma at ``times``, between which it is interpolated."""
        return np.interp(times, np.arange(self.times), self.sigmas)

    def time_of(self, sigma: float) -> float:
        """The time of a sigma, interpolated by its logarithm."""
        if sigma <= 0.0:
            return 0.0
        time = float(np.interp(math.log(sigma), self._logarithms, np.arange(self.times)))
        return float(round(time)) if abs(time - round(time)) < 1e-3 else time


def _betas(config: Mapping[str, Any]) -> Numbers:
    """The variances that are added from time to time: Ho et al. 2020, "Denoising diffusion probabilistic models"."""
    trained = config.get("trained_betas")
    if trained is not None:
        return np.asarray(trained, np.float64)
    count = int(config.get("num_train_timesteps", 1000))
    if not 0 < count <= MAX_TIMES:
        raise EngineLoadError(f"scheduler_config.json: num_train_timesteps: expected 1 to {MAX_TIMES}, got {count}")
    begin, end = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
    schedule = config.get("beta_schedule", "linear")
    match schedule:
        case "linear":
            return np.linspace(begin, end, count)
        case "scaled_linear":
            scaled: Numbers = np.linspace(math.sqrt(begin), math.sqrt(end), count) ** 2
            return scaled
        case "squaredcos_cap_v2":
            bars: Numbers = np.cos((np.arange(count + 1) / count + 0.008) / 1.008 * math.pi / 2) ** 2
            return np.minimum(1.0 - bars[1:] / bars[:-1], 0.999)
        case _:
            expected = "linear, scaled_linear or squaredcos_cap_v2"
            raise EngineLoadError(
                f"scheduler_config.json: beta_schedule: expected {expected}, got {str(schedule)[:40]!r}"
            )


def _without_signal(alphas: Numbers) -> Numbers:
    """Shift the roots so that nothing of the picture is left at the last time.

    Source: Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed", algorithm 1.
    """
    roots = np.sqrt(alphas)
    shifted = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    bounded: Numbers = np.maximum(shifted**2, _SMALLEST_ALPHA)
    return bounded
