"""A pipeline whose parts do not belong together is refused at the start."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.onnx.tiny_pipelines import changed_pipeline, tiny_pipeline
from workers.engine import EngineLoadError
from workers.onnx.images.engine import OnnxPictureEngine
from workers.onnx.images.options import OnnxPictureOptions


def load_error(folder: Path) -> str:
    engine = OnnxPictureEngine(OnnxPictureOptions(str(folder), "tiny", threads=1))
    with pytest.raises(EngineLoadError) as error:
        engine.load(lambda fraction: None)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "part", "other", "others_part"),
    [
        ("sd15", "unet", "sdxl", "unet"),
        ("sdxl", "text_encoder_2", "sdxl", "text_encoder"),
        ("sd15", "vae_encoder", "sd15", "unet"),
    ],
)
def test_graphs_of_other_models(tmp_path: Path, name: str, part: str, other: str, others_part: str) -> None:
    folder = changed_pipeline(tmp_path / "m", name)
    shutil.copy(tiny_pipeline(other) / others_part / "model.onnx", folder / part / "model.onnx")
    assert "expected parts that belong together, got others" in load_error(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps_offset": "x"}, "expected parts that belong together, got others: invalid literal"),
        ({"num_train_timesteps": 0}, "num_train_timesteps: expected 1 to 100000, got 0"),
        ({"num_train_timesteps": 10**12}, "num_train_timesteps: expected 1 to 100000, got 1000000000000"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    assert message in load_error(changed_pipeline(tmp_path / "m", **settings))
