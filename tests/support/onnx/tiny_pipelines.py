"""The tiny Stable Diffusion pipelines, and what diffusers paints with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.support.onnx.made_models import made_model


def tiny_pipeline(name: str = "sd15") -> Path:
    """The folder of a pipeline: ``sd15``, ``sd15-fp16``, ``sdxl``, ``inpainting`` or ``lcm``."""
    return made_model("sd") / name


def reference_file(name: str) -> Path:
    """A file that diffusers made."""
    return made_model("sd") / "reference" / name


def reference_numbers() -> dict[str, Any]:
    """What diffusers' schedulers and tokenizer make of the same noise and texts."""
    numbers: dict[str, Any] = json.loads(reference_file("numbers.json").read_text())
    return numbers


def changed_pipeline(folder: Path, name: str = "sd15", **scheduler: Any) -> Path:
    """A copy of a pipeline in a new ``folder``, with these values changed in its ``scheduler_config.json``."""
    shutil.copytree(tiny_pipeline(name), folder)
    settings = folder / "scheduler" / "scheduler_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), **scheduler}))
    return folder
