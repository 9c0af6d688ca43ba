"""The options of the llama engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings import ModelSettings

DEFAULT_CONTEXT = 8192
"""The context window unless ``--nctx`` is given: the model's own, but no more than this."""


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """One model's options. ``context_tokens`` 0 chooses; ``gpu_layers`` -1 puts all layers on a GPU if there is one.

    ``kv_tokens`` is the size of the shared KV cache, 0 for one full context or 512 tokens a slot, whichever is more.
    ``cache_bytes`` bounds what of ended conversations is kept in main memory; ``kept_tokens`` how many cells they
    keep in the KV cache beside running sequences: on a CPU each costs time in every step, and a copy is cheaper. Beyond
    ``apart_from_tokens`` in the KV cache a CPU computes streams and prompts in batches of their own.
    """

    path: str
    threads: int
    slots: int
    context_tokens: int = 0
    kv_tokens: int = 0
    gpu_layers: int = -1
    chat_template: str = ""
    batch_tokens: int = 512
    target_step_s: float = 0.35
    cache_bytes: int = 1000 * 1000 * 1000
    kept_tokens: int = 1024
    apart_from_tokens: int = 512

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> LlamaOptions:
        """The options of one model. ``threads`` is a worker's share of the cores."""
        return cls(
            path=model.path,
            threads=threads,
            slots=model.slots,
            context_tokens=model.context_tokens,
            gpu_layers=model.gpu_layers,
            cache_bytes=model.cache_bytes,
            chat_template=model.chat_template,
        )

    def context_for(self, trained_tokens: int) -> int:
        """The context window in tokens for a model that was trained with ``trained_tokens``."""
        return self.context_tokens or min(trained_tokens, DEFAULT_CONTEXT)

    def cells_for(self, context_tokens: int) -> int:
        """The KV cache's size in tokens."""
        cells = self.kv_tokens or max(context_tokens, 512 * self.slots)
        return max(cells, context_tokens)
