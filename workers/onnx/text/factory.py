"""Makes the ONNX text engine from a model's settings."""

from __future__ import annotations

from functools import partial

from shared.settings import ModelSettings
from workers.onnx.text.model import OnnxTextModel, open_model
from workers.onnx.text.options import OnnxTextOptions
from workers.text.engine import TextEngine

VOCABULARY = "workers.onnx.text.vocabulary:read_vocabulary"
"""What reads the vocabulary of a model's folder in the sandbox."""


def create(model: ModelSettings, threads: int, _device: str) -> TextEngine[OnnxTextModel]:
    """The engine of one worker, not loaded yet."""
    return engine_of(OnnxTextOptions.of(model, threads))


def engine_of(options: OnnxTextOptions) -> TextEngine[OnnxTextModel]:
    """The engine with these options, not loaded yet."""
    load = partial(open_model, options.path, options.provider, options.threads, options.slots)
    return TextEngine(options, VOCABULARY, load)
