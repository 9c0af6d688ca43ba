"""Pictures of whole pipelines, against those of diffusers with the same weights and noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared.wire.jobs import ImageJob
from tests.support.onnx.tiny_pipelines import changed_pipeline, reference_file
from workers.diffusion.painting import Listener, Painting
from workers.onnx.images import model as painted_by
from workers.onnx.images.loading import load_pipeline
from workers.onnx.images.model import OnnxPictureModel
from workers.onnx.images.options import OnnxPictureOptions
from workers.onnx.images.sampling.noise import Array

NAMES = (
    "ddim",
    "v",
    "turbo",
    "euler",
    "karras",
    "lcm",
    "sdxl",
    "sdxl-nothing",
    "img2img",
    "inpainting",
)
MAX_DIFFERENCE = 0.01
"""Mean difference of pixels of 0 to 255."""


class ReferenceNoise:
    """The noise that diffusers had."""

    def __init__(self, seed: int) -> None:
        self._noise: Array = np.load(reference_file("noise.npy"))

    def normal(self, shape: tuple[int, ...]) -> Array:
        return self._noise.reshape(shape).copy()


def painted(folder: Path, case: dict[str, Any]) -> Image.Image:
    strength = case["strength"] or 1.0
    image = Image.open(reference_file("input.png")) if case["strength"] else None
    mask = Image.open(reference_file("mask.png")) if case["mask"] else None
    job = ImageJob(
        case["prompt"],
        case["negative_prompt"] or "",
        width=64,
        height=64,
        steps=case["steps"],
        cfg_scale=case["cfg_scale"],
        strength=strength,
    )
    model = OnnxPictureModel(load_pipeline(OnnxPictureOptions(str(folder), "tiny", 2), lambda fraction: None))
    steps = int(case["steps"] * strength)  # as diffusers counts them
    return model.paint(Painting(job, job.prompt, steps, [], image, mask), Listener(), frozenset())


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_that_of_diffusers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = json.loads(reference_file("cases.json").read_text())
    case = next(case for case in cases if case["name"] == name)
    monkeypatch.setattr(painted_by, "SeededNoise", ReferenceNoise)
    folder = changed_pipeline(tmp_path / "model", case["model"], **case["scheduler"])
    found = np.asarray(painted(folder, case), np.int16)
    expected = np.asarray(Image.open(reference_file(f"{name}.png")).convert("RGB"), np.int16)
    assert expected.std() > 10.0, "the picture has contrast"
    assert abs(found - expected).mean() < MAX_DIFFERENCE
