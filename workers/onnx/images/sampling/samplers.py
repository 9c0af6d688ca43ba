"""From noise to a latent picture: solvers of the equation ``dx = (x - x0(x, sigma)) / sigma * dsigma``.

``x0`` is what the model takes for the picture without noise. Sigmas fall from step to step, and end with 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.onnx.images.sampling.levels import Numbers

Latents = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Walk:
    """The steps of a picture.

    ``denoise`` is x0 from x and sigma, ``noise`` draws new noise of x's shape. ``step_done`` is called after each step,
    with its number from 1 and x0.
    """

    sigmas: Numbers
    denoise: Callable[[Latents, float], Latents]
    noise: Callable[[], Latents]
    step_done: Callable[[int, Latents], None]

    def pairs(self) -> list[tuple[int, float, float]]:
        """The number of each step from 1, and its sigmas."""
        ends = zip(self.sigmas[:-1].tolist(), self.sigmas[1:].tolist(), strict=True)
        return [(number, sigma, following) for number, (sigma, following) in enumerate(ends, 1)]


def _mixed(*parts: tuple[float, Latents]) -> Latents:
    """A linear combination. Weights are numbers of Python, so that it stays in single precision."""
    total = parts[0][1] * np.float32(parts[0][0])
    for weight, latents in parts[1:]:
        total += latents * np.float32(weight)
    return total


def _towards(x: Latents, denoised: Latents, ratio: float) -> Latents:
    """Euler's step to ``ratio`` times the sigma."""
    return _mixed((ratio, x), (1.0 - ratio, denoised))


def _ancestral(sigma: float, following: float) -> tuple[float, float]:
    """The sigma to step down to, and that of the noise which is then added: ``down^2 + up^2 = following^2``."""
    up = min(following, math.sqrt(following**2 * (sigma**2 - following**2) / sigma**2))
    return math.sqrt(following**2 - up**2), up


def _euler(x: Latents, walk: Walk) -> Latents:
    for number, sigma, following in walk.pairs():
        denoised = walk.denoise(x, sigma)
        x = _towards(x, denoised, following / sigma)
        walk.step_done(number, denoised)
    return x


def _euler_ancestral(x: Latents, walk: Walk) -> Latents:
    for number, sigma, following in walk.pairs():
        denoised = walk.denoise(x, sigma)
        down, up = _ancestral(sigma, following)
        x = _towards(x, denoised, down / sigma)
        if up:
            x = _mixed((1.0, x), (up, walk.noise()))
        walk.step_done(number, denoised)
    return x


def _heun(x: Latents, walk: Walk) -> Latents:
    """Karras et al. 2022, algorithm 1."""
    for number, sigma, following in walk.pairs():
        denoised = walk.denoise(x, sigma)
        reached = _towards(x, denoised, following / sigma)
        if following:
            slope = (x - denoised) / np.float32(sigma)
            slope_there = (reached - walk.denoise(reached, following)) / np.float32(following)
            reached = _mixed((1.0, x), ((following - sigma) / 2, slope), ((following - sigma) / 2, slope_there))
        x = reached
        walk.step_done(number, denoised)
    return x


def _dpm2(x: Latents, walk: Walk) -> Latents:
    """DPM-Solver-2, whose second evaluation is at the geometric mean: Lu et al. 2022, "DPM-Solver"."""
    for number, sigma, following in walk.pairs():
        denoised = walk.denoise(x, sigma)
        if following:
            middle = math.sqrt(sigma * following)
            there = _towards(x, denoised, middle / sigma)
            slope = (there - walk.denoise(there, middle)) / np.float32(middle)
            x = _mixed((1.0, x), (following - sigma, slope))
        else:
            x = denoised
        walk.step_done(number, denoised)
    return x


def _dpmpp_2s_ancestral(x: Latents, walk: Walk) -> Latents:
    """DPM-Solver++(2S), with noise: Lu et al. 2022, "DPM-Solver++", algorithm 1 with r = 1/2."""
    for number, sigma, following in walk.pairs():
        denoised = walk.denoise(x, sigma)
        down, up = _ancestral(sigma, following)
        if down:
            middle = math.sqrt(sigma * down)
            there = _towards(x, denoised, middle / sigma)
            x = _towards(x, walk.denoise(there, middle), down / sigma)
        else:
            x = denoised
        if up:
            x = _mixed((1.0, x), (up, walk.noise()))
        walk.step_done(number, denoised)
    return x


def _two_step(x: Latents, walk: Walk, mean_length: bool) -> Latents:
    """Steps of second order, by x0 of this one and of the former one. The first and the last are of first order.

    ``h`` is the length of a step in log sigma. With ``mean_length``, steps are as long as the mean of both.
    """
    former: Latents | None = None
    former_h = 0.0
    for number, sigma, following in walk.pairs():
        denoised = walk.denoise(x, sigma)
        h = math.log(sigma / following) if following else math.inf
        if former is None or not following:
            x = _towards(x, denoised, following / sigma)
        else:
            shorter, longer = sorted((h, former_h)) if mean_length else (h, former_h)
            weight = shorter / (2 * longer)
            guess = _mixed((1.0 + weight, denoised), (-weight, former))
            done = -math.expm1(-(shorter + longer) / 2) if mean_length else 1.0 - following / sigma
            x = _mixed((following / sigma, x), (done, guess))
        former, former_h = denoised, h
        walk.step_done(number, denoised)
    return x


def _dpmpp_2m(x: Latents, walk: Walk) -> Latents:
    """DPM-Solver++(2M): Lu et al. 2022, "DPM-Solver++", algorithm 2. The last step is of first order."""
    return _two_step(x, walk, mean_length=False)


def _dpmpp_2m_v2(x: Latents, walk: Walk) -> Latents:
    """As DPM-Solver++(2M), with the mean of this step's and the former one's length: smoother with few steps."""
    return _two_step(x, walk, mean_length=True)


_ADAMS_BASHFORTH = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""Weights of the slopes, the newest first."""


def _ipndm(x: Latents, walk: Walk) -> Latents:
    """Linear multistep of up to four slopes: Zhang and Chen 2023, "Fast sampling of diffusion models", table 2."""
    slopes: list[Latents] = []
    for number, sigma, following in walk.pairs():
        denoised = walk.denoise(x, sigma)
        slopes = [(x - denoised) / np.float32(sigma), *slopes[:3]]
        if following:
            weights = _ADAMS_BASHFORTH[len(slopes) - 1]
            parts = [((following - sigma) * weight, slope) for weight, slope in zip(weights, slopes, strict=True)]
            x = _mixed((1.0, x), *parts)
        else:
            x = denoised
        walk.step_done(number, denoised)
    return x


def _lcm(x: Latents, walk: Walk) -> Latents:
    """Multistep sampling of consistency models: Luo et al. 2023, "Latent consistency models", algorithm 3."""
    for number, sigma, following in walk.pairs():
        x = denoised = walk.denoise(x, sigma)
        if following:
            x = _mixed((1.0, x), (following, walk.noise()))
        walk.step_done(number, denoised)
    return x


SAMPLERS_BY_NAME: dict[str, Callable[[Latents, Walk], Latents]] = {
    "euler": _euler,
    "euler_a": _euler_ancestral,
    "heun": _heun,
    "dpm2": _dpm2,
    "dpm++2s_a": _dpmpp_2s_ancestral,
    "dpm++2m": _dpmpp_2m,
    "dpm++2mv2": _dpmpp_2m_v2,
    "ipndm": _ipndm,
    "lcm": _lcm,
    "ddim_trailing": _euler,  # DDIM without noise is Euler's method in these variables: Song et al. 2021, equation 14
}
SAMPLER_NAMES = tuple(SAMPLERS_BY_NAME)
