"""The options of the ONNX text engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass, fields

from shared.engines.onnx.providers import OnnxProvider
from shared.settings import ModelSettings
from workers.text.options import TextOptions

BATCH_TOKENS = 256
"""The graphs give the logits of all tokens: as many rows of the vocabulary's size."""


@dataclass(frozen=True, slots=True)
class OnnxTextOptions(TextOptions):
    """One model's options.

    Ended conversations are kept in main memory, outside of the rows that a step computes. Prompts are computed in runs
    of their own anyway, so streams and prompts need not take turns.
    """

    provider: OnnxProvider = OnnxProvider.CPU

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> OnnxTextOptions:
        """The options of one model. ``threads`` is a worker's share of the cores."""
        options = TextOptions.of(model, threads)
        given = {field.name: getattr(options, field.name) for field in fields(options)}
        given |= {"batch_tokens": BATCH_TOKENS, "kept_tokens": 0, "separate_from_tokens": None}
        return cls(**given, provider=OnnxProvider(model.onnx_provider))
