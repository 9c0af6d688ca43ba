"""The options of image models in ONNX, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class OnnxPictureOptions:
    """The options of one model: its folder, the name that requests use, threads, and the execution provider."""

    path: str
    model_name: str
    threads: int
    provider: str = "cpu"

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> OnnxPictureOptions:
        """The options of one model."""
        return cls(model.path, model.name, threads, model.onnx_provider)
