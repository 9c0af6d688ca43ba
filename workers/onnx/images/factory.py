"""Makes the image engine of models in ONNX from a model's settings."""

from __future__ import annotations

from shared.settings import ModelSettings
from workers.onnx.images.engine import OnnxPictureEngine
from workers.onnx.images.options import OnnxPictureOptions


def create(model: ModelSettings, threads: int, _device: str) -> OnnxPictureEngine:
    """The engine of one worker, not loaded yet."""
    return OnnxPictureEngine(OnnxPictureOptions.of(model, threads))
