"""How many tokens the KV cache of a text model holds. Workers open theirs by the same rule."""

from __future__ import annotations

MAX_DEFAULT_CONTEXT_TOKENS = 8192
"""Maximum context window of a model that was not fitted to the memory, unless ``context_tokens`` is given."""

MAX_ENDED_SEQUENCES = 48
"""Ended chats that stay in the KV cache until their cells are needed."""

MAX_SEQUENCES = 256
"""What builds of llama.cpp can hold in one context."""

BATCH_TOKENS = 512
"""Most tokens of a step, unless ``batch_size`` is given."""

GPU_BATCH_TOKENS = 2048
"""The same of embedding models on a GPU."""

SLOT_TOKENS = 512
"""Cells of the KV cache for each slot, if that is more than one whole context."""


def cells_for(context_tokens: int, slots: int, kv_tokens: int = 0) -> int:
    """The size of a KV cache in tokens, for requests of ``context_tokens``; ``kv_tokens`` is what was asked for."""
    return max(kv_tokens or SLOT_TOKENS * slots, context_tokens)
