"""The options of the embedding engine, from a model's settings and its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from shared.engines.embedding import ENCODERS, Pooling, has_classifier, pooling_of
from shared.engines.files import Candidate
from shared.engines.gguf_files import read_gguf
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.memory.cells import MAX_DEFAULT_CONTEXT_TOKENS
from shared.settings import ModelSettings
from shared.settings.placement import LlamaCppOptions
from workers.engine import EngineLoadError

BATCH_TOKENS = 512
"""Tokens of a batch of several inputs on a CPU, where larger batches are slower: attention grows with their square."""

GPU_BATCH_TOKENS = 2048

WHOLE_TEXTS = 1 << 24
"""A context that is longer than any that a model was trained with."""


@dataclass(frozen=True, slots=True)
class EmbeddingOptions:
    """One model's options.

    ``kind`` is what it does besides text, if it generates text too (``is_text``). ``context_tokens`` 0 means the length
    that the model was trained with, at most :data:`shared.memory.cells.MAX_DEFAULT_CONTEXT_TOKENS`.
    ``has_classifier`` and ``is_causal`` are facts of the file.
    """

    path: str
    threads: int
    kind: JobKind
    pooling: Pooling
    has_classifier: bool
    is_causal: bool
    is_text: bool = False
    context_tokens: int = 0
    native: LlamaCppOptions = field(default_factory=LlamaCppOptions)
    chat_template: str = ""
    compile_time_s: float = 10.0
    compile_memory_bytes: int = 256 * 1000 * 1000

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> EmbeddingOptions:
        """The options of one model. ``threads`` is a worker's share of the cores.

        Raises:
            EngineLoadError: the file cannot be read.
        """
        try:
            candidate = read_gguf(Path(model.path))
        except (ModelError, OSError) as error:
            raise EngineLoadError(str(error)) from None
        is_text = JobKind.TEXT in model.kinds
        kind = JobKind.RERANK if JobKind.RERANK in model.kinds else JobKind.EMBEDDING
        return cls(
            path=model.path,
            threads=threads,
            kind=kind,
            pooling=_pooling(model, candidate, kind),
            has_classifier=has_classifier(candidate),
            is_causal=_is_causal(candidate),
            is_text=is_text,
            context_tokens=WHOLE_TEXTS if model.context_tokens < 0 else model.context_tokens,
            native=_without_cache(model) if candidate.header and candidate.header.architecture in ENCODERS else model,
            chat_template=model.chat_template,
            compile_time_s=model.compile_time_s,
            compile_memory_bytes=model.compile_memory_bytes,
        )

    def context_for(self, trained_tokens: int) -> int:
        """The longest input of a model trained with ``trained_tokens``, in tokens.

        No option makes it longer: many encoders have a vector for each position, and none for further ones.

        Raises:
            EngineLoadError: the file does not say it.
        """
        if trained_tokens < 1:
            message = f"expected a context_length of at least 1 in the file, got {trained_tokens}"
            raise EngineLoadError(message)
        return min(trained_tokens, self.context_tokens or MAX_DEFAULT_CONTEXT_TOKENS)

    @property
    def needs_whole_inputs(self) -> bool:
        """Whether llama.cpp must compute all tokens of an input at once.

        Otherwise the last token's result counts, which needs only what the KV cache has of the earlier ones.
        """
        return not self.is_causal or self.pooling in (Pooling.MEAN, Pooling.CLS)


def _without_cache(model: ModelSettings) -> LlamaCppOptions:
    """Encoders have no KV cache: options of it, given for all models, are not refused because of them."""
    return model.model_copy(update={"cache_type_k": "f16", "cache_type_v": "f16"})


def _pooling(model: ModelSettings, candidate: Candidate, kind: JobKind) -> Pooling:
    if kind is JobKind.RERANK:
        return Pooling.RANK
    if model.pooling:
        return Pooling(model.pooling)
    stated = pooling_of(candidate)
    return Pooling.LAST if stated is None or stated is Pooling.RANK else stated


def _is_causal(candidate: Candidate) -> bool:
    assert candidate.header is not None
    architecture = candidate.header.architecture
    return bool(candidate.header.metadata.get(f"{architecture}.attention.causal", architecture not in ENCODERS))
