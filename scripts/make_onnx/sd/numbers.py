"""What diffusers' schedulers make of the same noise, and its tokenizer of the same texts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LCMScheduler,
)
from diffusers.schedulers import scheduling_euler_ancestral_discrete, scheduling_lcm
from transformers import CLIPTokenizer

LEVELS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
ZERO_SNR = {**LEVELS, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
KINDS: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("euler", DDIMScheduler, {**LEVELS, "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": True}),
    ("euler", EulerDiscreteScheduler, {**LEVELS, "timestep_spacing": "linspace"}),
    ("euler", EulerDiscreteScheduler, {**LEVELS, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}),
    ("euler", EulerDiscreteScheduler, {**LEVELS, "timestep_spacing": "leading", "use_karras_sigmas": True}),
    ("euler", EulerDiscreteScheduler, {**LEVELS, "timestep_spacing": "leading", "use_exponential_sigmas": True}),
    ("euler", EulerDiscreteScheduler, ZERO_SNR),
    ("euler_a", EulerAncestralDiscreteScheduler, {**LEVELS, "timestep_spacing": "leading", "steps_offset": 1}),
    ("heun", HeunDiscreteScheduler, {**LEVELS, "timestep_spacing": "leading"}),
    ("dpm2", KDPM2DiscreteScheduler, {**LEVELS, "timestep_spacing": "linspace"}),
    ("dpm++2m", DPMSolverMultistepScheduler, {**LEVELS, "timestep_spacing": "linspace"}),
    ("dpm++2m", DPMSolverMultistepScheduler, {**LEVELS, "timestep_spacing": "leading", "steps_offset": 1}),
    ("dpm++2m", DPMSolverMultistepScheduler, {**LEVELS, "timestep_spacing": "linspace", "use_karras_sigmas": True}),
    ("lcm", LCMScheduler, {**LEVELS, "clip_sample": False}),
)
STEPS = 7
TEXTS = (
    "",
    "the cat",
    "A Lighthouse,  at\tdawn!!",
    "it's 42 dogs' houses; don't",
    "naïve café, 猫 🏠",
    "<|endoftext|> the",
    " ".join(["painting"] * 60),
)


class DrawnNoise:
    """Gives the same noise in place of what schedulers draw."""

    def __init__(self, rows: np.ndarray[Any, Any]) -> None:
        self._rows = list(rows)

    def __call__(self, *_: Any, **__: Any) -> torch.Tensor:
        return torch.from_numpy(self._rows.pop(0))


def stand_in(x: torch.Tensor, time: float) -> torch.Tensor:
    """What stands for a UNet: smooth in both."""
    return torch.tanh(x) * 0.6 + 0.3 * math.sin(time / 150.0)


def write_numbers(folder: Path) -> None:
    """Write ``numbers.json``: for each scheduler, the noise, and the latents after all steps; and tokens of texts."""
    noise = np.random.default_rng(5).standard_normal((STEPS + 2, 1, 1, 2, 4), np.float32)
    rows = [_row(sampler, kind, config, noise) for sampler, kind, config in KINDS]
    tokenizer = CLIPTokenizer.from_pretrained(folder.parent / "sd15" / "tokenizer")
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    found = {"steps": STEPS, "noise": noise.tolist(), "schedulers": rows, "texts": list(TEXTS), "ids": ids}
    (folder / "numbers.json").write_text(json.dumps(found))


def _row(sampler: str, kind: Any, config: dict[str, Any], noise: np.ndarray[Any, Any]) -> dict[str, Any]:
    scheduler = kind(**config)
    scheduler.set_timesteps(STEPS)
    drawn: Any = DrawnNoise(noise[1:])
    scheduling_euler_ancestral_discrete.randn_tensor = drawn
    scheduling_lcm.randn_tensor = drawn
    x = torch.from_numpy(noise[0]) * scheduler.init_noise_sigma
    for time in scheduler.timesteps:
        given = scheduler.scale_model_input(x, time)
        x = scheduler.step(stand_in(given, float(time)), time, x, return_dict=False)[0]
    settings = {**config, "_class_name": kind.__name__}
    return {"sampler": sampler, "config": settings, "latents": x.tolist()}
