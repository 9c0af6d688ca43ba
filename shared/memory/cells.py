"""How many tokens the KV cache of a text model holds. Workers open theirs by the same rule."""

from __future__ import annotations

MAX_DEFAULT_CONTEXT_TOKENS = 8192
"""Maximum context window of a model that was not fitted to the memory, unless ``context_tokens`` is given."""

MAX_ENDED_SEQUENCES = 48
"""Ended chats that stay in the KV cache until their cells are needed."""

MAX_ENDED_STATES = 8
"""The same of models with a state for each sequence, which is large and there from the start."""

MAX_SEQUENCES = 256
"""What builds of llama.cpp can hold in one context."""

BATCH_TOKENS = 512
"""Most tokens of a step, unless ``batch_size`` is given."""

GPU_BATCH_TOKENS = 2048
"""The same of embedding models on a GPU."""

WINDOW_STEP_TOKENS = 256
WINDOWS_PAY = 2
"""Layers with a sliding window keep only its tokens if that takes at most one such part of the cells."""

SLOT_TOKENS = 512
"""Cells of the KV cache for each slot, if that is more than one whole context."""


def cells_for(context_tokens: int, slots: int, kv_tokens: int = 0) -> int:
    """The size of a KV cache in tokens, for requests of ``context_tokens``; ``kv_tokens`` is what was asked for."""
    return max(kv_tokens or SLOT_TOKENS * slots, context_tokens)


def window_cells(window: int, sequences: int) -> int:
    """The cells of a layer with a sliding window of so many tokens, if it keeps nothing else; as llama.cpp has it."""
    return -(-(window * sequences + BATCH_TOKENS) // WINDOW_STEP_TOKENS) * WINDOW_STEP_TOKENS


def has_windows(swa_full: str, window: int, cells: int, sequences: int) -> bool:
    """Whether layers with a sliding window keep only its tokens, for ``sequences`` with ``cells`` in all others.

    That saves memory, but prefixes are then shared at checkpoints only. ``swa_full`` is the option; on ``auto`` they do
    where they would have twice as many cells otherwise.
    """
    if not window or swa_full == "on":
        return False
    return swa_full == "off" or WINDOWS_PAY * window_cells(window, sequences) <= cells
