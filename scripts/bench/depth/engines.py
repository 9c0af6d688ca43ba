"""A text engine whose KV cache is filled to a depth: prompts that begin with what is there find it cached."""

from __future__ import annotations

import math
from pathlib import Path

from scripts.bench.depth.filling import BLOCK, Filler
from shared.settings.placement import LlamaCppOptions
from workers.llama.engine import LlamaEngine
from workers.llama.native.context import LlamaContext
from workers.llama.options import LlamaOptions

KV_TYPES = {
    "f16": LlamaCppOptions(),
    "q8_0": LlamaCppOptions(cache_type_k="q8_0", cache_type_v="q8_0"),
    "q4_0": LlamaCppOptions(cache_type_k="q4_0", cache_type_v="q4_0"),
    "f16, flash_attn=off": LlamaCppOptions(flash_attn="off"),
}
"""By the name in tables."""

SLOTS = 5
BATCH_TOKENS = 512


class DeepEngine:
    """An engine with ``SLOTS`` slots and a context for ``tokens``, rounded up to whole blocks.

    ``spare`` is a sequence of its ``decoder`` that the engine does not use.
    """

    def __init__(self, path: Path, kind: str, tokens: int, threads: int) -> None:
        self.context_tokens = (math.ceil(tokens / BLOCK) + 1) * BLOCK
        self.engine = LlamaEngine(
            LlamaOptions(
                str(path),
                threads,
                SLOTS,
                self.context_tokens,
                kv_tokens=self.context_tokens + SLOTS * BLOCK,
                kept_tokens=self.context_tokens,
                cache_bytes=0,
                native=KV_TYPES[kind],
            )
        )
        self.engine.load(lambda fraction: None)
        vocabulary = self.engine.model.vocabulary.size
        decoder = self.engine._decoder
        assert isinstance(decoder, LlamaContext)
        self.decoder = decoder
        self.spare = SLOTS + 2  # the cache gives the lowest free id, and has one more sequence than slots
        self._filler = Filler(self.decoder, vocabulary, self.spare, BATCH_TOKENS)

    def prompt(self, tokens: int) -> list[int]:
        """A prompt of so many tokens: the block again and again."""
        block = self._filler.block
        return [block[index % BLOCK] for index in range(tokens)]

    def fill(self, depth: int) -> None:
        """Let the cache hold the first ``depth`` tokens of :meth:`prompt`, and nothing else."""
        cache = self.engine._cache
        cache.clear_kept()
        if not depth:
            return
        sequence, _ = cache.open([])
        self._filler.fill(sequence, 0, depth)
        cache.extend(sequence, self.prompt(depth))
        cache.keep(sequence)

    def close(self) -> None:
        """End the engine."""
        self.engine.close()
