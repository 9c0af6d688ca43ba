"""The options of the llama engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass, fields

from shared.settings import ModelSettings
from workers.text.options import TextOptions


@dataclass(frozen=True, slots=True)
class LlamaOptions(TextOptions):
    """One model's options. ``gpu_layers`` -1 puts all layers on a GPU if there is one."""

    gpu_layers: int = -1

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> LlamaOptions:
        """The options of one model. ``threads`` is a worker's share of the cores."""
        options = TextOptions.of(model, threads)
        given = {field.name: getattr(options, field.name) for field in fields(options)}
        return cls(**given, gpu_layers=model.gpu_layers)
