"""Makes the embedding engine from a model's settings."""

from __future__ import annotations

from functools import partial

from shared.settings import ModelSettings
from workers.embedding.engine import SLOTS, EmbeddingEngine
from workers.embedding.gguf.loading import load_encoder
from workers.embedding.gguf.options import EmbeddingOptions
from workers.embedding.gguf.text_engine import TextAndEmbeddingEngine
from workers.engine import Engine
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions


def create(model: ModelSettings, threads: int, _device: str) -> Engine:
    """The engine of one worker, not loaded yet.

    Raises:
        EngineLoadError: the model's file cannot be read.
    """
    options = EmbeddingOptions.of(model, threads)
    if options.is_text:
        return TextAndEmbeddingEngine(LlamaEngine(LlamaOptions.of(model, threads)), options)
    return EmbeddingEngine(partial(load_encoder, options), max(SLOTS, model.slots))
