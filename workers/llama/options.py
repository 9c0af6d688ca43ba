"""The options of the llama engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from shared.settings import ModelSettings
from shared.settings.placement import LlamaCppOptions
from workers.text.options import TextOptions


@dataclass(frozen=True, slots=True)
class LlamaOptions(TextOptions):
    """One model's options. ``reasons`` say why they are as they are, where nobody asked for them.

    ``workers`` is how many load the model at once.
    """

    native: LlamaCppOptions = field(default_factory=LlamaCppOptions)
    reasons: tuple[str, ...] = ()
    workers: int = 1

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> LlamaOptions:
        """The options of one model. ``threads`` is a worker's share of the cores."""
        options = TextOptions.of(model, threads)
        given = {item.name: getattr(options, item.name) for item in fields(options)}
        if model.batch_size:
            given["batch_tokens"] = model.batch_size
        return cls(**given, native=model, reasons=model.fitted, workers=model.workers)
