"""Makes the embedding engine for a model in ONNX from its settings."""

from __future__ import annotations

from functools import partial

from shared.settings import ModelSettings
from workers.embedding.engine import SLOTS, EmbeddingEngine
from workers.engine import Engine
from workers.onnx.embedding.loading import load_encoder


def create(model: ModelSettings, threads: int, _device: str) -> Engine:
    """The engine of one worker, not loaded yet."""
    return EmbeddingEngine(partial(load_encoder, model, threads), max(SLOTS, model.slots))
