"""Makes the text engine from a model's settings.

What the engine needs besides llama.cpp is imported while the model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.models.adapters import adapters_of
from shared.settings import ModelSettings
from workers.llama.early_load import EarlyLoad, loader
from workers.llama.media.options import ProjectorOptions

if TYPE_CHECKING:
    from workers.llama.engine import LlamaEngine


def create(model: ModelSettings, threads: int, _device: str) -> LlamaEngine:
    """The engine of one worker. Its model is being loaded from now on."""
    projector = ProjectorOptions.of(model, threads)
    load = EarlyLoad(loader(model.path, model, model.fitted, adapters_of(model.adapters), model.workers, projector))
    from workers.llama.engine import LlamaEngine
    from workers.llama.options import LlamaOptions

    return LlamaEngine(LlamaOptions.of(model, threads), load)
