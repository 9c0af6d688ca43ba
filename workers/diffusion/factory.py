"""Makes the image engine from a model's settings."""

from __future__ import annotations

import sys

from shared.errors import ModelError
from shared.memory.pictures.needs import PaintingNeeds
from shared.memory.speech_and_pictures import painting_needs
from shared.settings import ModelSettings
from workers.diffusion.keeper.engine import KeptDiffusionEngine
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions


def create(model: ModelSettings, threads: int, device: str) -> DiffusionEngine:
    """The engine of one worker, not loaded yet."""
    options = DiffusionOptions.of(model, threads)
    if device != "cpu":
        return DiffusionEngine(options, max_picture_s=model.max_picture_s)
    engine = KeptDiffusionEngine if sys.platform == "linux" else DiffusionEngine
    return engine(options, _needs(model), model.max_picture_s)


def _needs(model: ModelSettings) -> PaintingNeeds | None:
    try:
        return painting_needs(model)
    except (ModelError, OSError, ValueError):  # the library says what is wrong with the file
        return None
