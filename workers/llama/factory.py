"""Makes the text engine from a model's settings."""

from __future__ import annotations

from shared.settings import ModelSettings
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions


def create(model: ModelSettings, threads: int, _device: str) -> LlamaEngine:
    """The engine of one worker, not loaded yet."""
    return LlamaEngine(LlamaOptions.of(model, threads))
