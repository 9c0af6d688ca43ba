"""Makes the image engine from a model's settings."""

from __future__ import annotations

from shared.settings import ModelSettings
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions


def create(model: ModelSettings, threads: int, device: str) -> DiffusionEngine:
    """The engine of one worker, not loaded yet."""
    return DiffusionEngine(DiffusionOptions.of(model, threads), forks=device == "cpu")
