"""Samplers and schedules, against diffusers' own and against equations that can be solved."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from tests.support.onnx.tiny_pipelines import reference_numbers
from workers.engine import EngineLoadError
from workers.onnx.images.sampling.levels import NoiseLevels
from workers.onnx.images.sampling.samplers import SAMPLER_NAMES, SAMPLERS_BY_NAME, Latents, Walk
from workers.onnx.images.sampling.schedules import SCHEDULER_NAMES, folder_schedule, named_schedule
from workers.onnx.images.sampling.starts import first_scale

LEVELS = NoiseLevels({"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"})
DETERMINISTIC = ("euler", "heun", "dpm2", "dpm++2m", "dpm++2mv2", "ipndm", "ddim_trailing")


def stand_in(x: Latents, time: float) -> Latents:
    """The same as in ``scripts/make_onnx/sd/numbers.py``."""
    found: Latents = np.tanh(x) * np.float32(0.6) + np.float32(0.3 * math.sin(time / 150.0))
    return found


@pytest.mark.parametrize("index", range(13))
def test_the_latents_are_those_of_diffusers(index: int) -> None:
    numbers = reference_numbers()
    row: dict[str, Any] = numbers["schedulers"][index]
    config = row["config"]
    levels = NoiseLevels(config)
    rows = [np.array(noise, np.float32) for noise in numbers["noise"]]
    is_rounded = "DPMSolver" in config["_class_name"]

    def denoise(x: Latents, sigma: float) -> Latents:
        time = levels.time_of(sigma)
        found = stand_in(x * np.float32(1 / math.sqrt(1 + sigma**2)), round(time) if is_rounded else time)
        if config.get("prediction_type") == "v_prediction":
            return x * np.float32(1 / (1 + sigma**2)) - found * np.float32(sigma / math.sqrt(1 + sigma**2))
        return x - np.float32(sigma) * found

    sigmas = folder_schedule(config, levels, numbers["steps"])
    x = rows.pop(0) * np.float32(first_scale(config, float(sigmas[0])))
    found = SAMPLERS_BY_NAME[row["sampler"]](x, Walk(sigmas, denoise, lambda: rows.pop(0), lambda *_: None))
    assert found == pytest.approx(np.array(row["latents"]), rel=2e-3, abs=2e-3)


def walked(sampler: str, steps: int, x: Latents, spread: float = 0.5, schedule: str = "karras") -> Latents:
    """From ``x`` times the first sigma to pictures that are normal with this ``spread``: x0 is known."""
    noise = np.random.default_rng(3)
    sigmas = named_schedule(schedule, LEVELS, steps)
    walk = Walk(
        sigmas,
        lambda x, sigma: x * np.float32(spread**2 / (spread**2 + sigma**2)),
        lambda: noise.standard_normal(x.shape).astype(np.float32),
        lambda number, denoised: None,
    )
    return SAMPLERS_BY_NAME[sampler](x * np.float32(math.hypot(sigmas[0], spread)), walk)


@pytest.mark.parametrize("sampler", DETERMINISTIC)
def test_a_solver_comes_near_the_exact_solution_and_nearer_with_more_steps(sampler: str) -> None:
    exact = 0.5
    few, many = (abs(float(walked(sampler, steps, np.ones(1, np.float32))[0]) - exact) for steps in (12, 48))
    assert many < 0.02
    assert many < few


@pytest.mark.parametrize("sampler", ["euler_a", "dpm++2s_a"])
def test_with_noise_the_pictures_keep_their_spread(sampler: str) -> None:
    x = np.random.default_rng(1).standard_normal(20_000).astype(np.float32)
    assert float(walked(sampler, 60, x).std()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_each_step_is_counted_once(sampler: str) -> None:
    done: list[int] = []
    walk = Walk(
        named_schedule("discrete", LEVELS, 4),
        lambda x, sigma: x * np.float32(0.5),
        lambda: np.zeros(2, np.float32),
        lambda number, denoised: done.append(number),
    )
    found = SAMPLERS_BY_NAME[sampler](np.ones(2, np.float32), walk)
    assert done == [1, 2, 3, 4]
    assert found.dtype == np.float32


@pytest.mark.parametrize("schedule", SCHEDULER_NAMES)
@pytest.mark.parametrize("steps", [1, 2, 20, 150])
def test_sigmas_fall_to_zero(schedule: str, steps: int) -> None:
    sigmas = named_schedule(schedule, LEVELS, steps)
    assert len(sigmas) == steps + 1
    assert sigmas[-1] == 0.0
    assert (np.diff(sigmas) < 0).all()
    assert sigmas[0] == pytest.approx(14.6146, abs=1e-3)


def test_names_are_those_of_the_api() -> None:
    assert set(SAMPLER_NAMES) < set(SAMPLERS)
    assert set(SCHEDULER_NAMES) < set(SCHEDULERS)


def test_times_and_sigmas_belong_together() -> None:
    assert LEVELS.time_of(float(LEVELS.sigmas[321])) == 321.0
    assert 320.0 < LEVELS.time_of(float(LEVELS.sigmas[320] + LEVELS.sigmas[321]) / 2) < 321.0
    assert LEVELS.time_of(1e9) == 999.0


def test_an_unknown_noise_schedule_is_refused() -> None:
    with pytest.raises(EngineLoadError, match="beta_schedule: expected linear, scaled_linear or squaredcos_cap_v2"):
        NoiseLevels({"beta_schedule": "cubic"})
