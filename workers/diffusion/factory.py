"""Makes the image engine from a model's settings."""

from __future__ import annotations

import sys

from shared.settings import ModelSettings
from workers.diffusion.keeper.engine import KeptDiffusionEngine
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions


def create(model: ModelSettings, threads: int, device: str) -> DiffusionEngine:
    """The engine of one worker, not loaded yet."""
    forks = device == "cpu" and sys.platform == "linux"
    return (KeptDiffusionEngine if forks else DiffusionEngine)(DiffusionOptions.of(model, threads))
