"""The text engine over llama.cpp."""

from __future__ import annotations

from functools import partial

from shared.settings.placement import LlamaCppOptions, draft_options
from workers.llama.early_load import loader
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions
from workers.text.engine import LoadModel, TextEngine

VOCABULARY = "workers.llama.native.vocabulary_file:read_vocabulary"
"""What reads the vocabulary of a model file in the sandbox."""


class LlamaEngine(TextEngine[LlamaModel]):
    """Serves the text jobs of one GGUF model. ``load`` may already be at work on it."""

    def __init__(self, options: LlamaOptions, load: LoadModel[LlamaModel] | None = None) -> None:
        load = load or loader(
            options.path, options.native, options.reasons, options.adapters, options.workers, options.projector
        )
        super().__init__(options, VOCABULARY, load, partial(_load_draft, options.native))


def _load_draft(options: LlamaCppOptions, path: str) -> LlamaModel:
    """A draft model, where the model itself is. What the options say of the model's own shape is none of it."""
    return LlamaModel(path, draft_options(options), lambda _fraction: None)
