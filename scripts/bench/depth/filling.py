"""A KV cache that is filled to a depth within seconds: a text is computed once, and its cells are repeated behind it.

What attention costs depends on how many cells it looks at, not on the numbers in them. So the cells of a text of
:data:`BLOCK` tokens are saved, restored into another sequence, moved to later positions (llama.cpp turns the keys), and
given to the deep sequence, as often as needed. Only a benchmark does so: llama.cpp 0.3.36's build crashes when it turns
quantized keys of the smallest models (random-tiny-1b at q8_0), so tests use ``f16``. The server never moves cells.
"""

from __future__ import annotations

import llama_cpp
import numpy as np

from workers.llama.native.context import LlamaContext
from workers.text.model import BatchSlice

BLOCK = 1024
"""Tokens that are computed. Depths are multiples of it."""


class Filler:
    """Fills sequences of one context. ``spare`` is a sequence that nobody else uses."""

    def __init__(self, context: LlamaContext, vocabulary_size: int, spare: int, batch_tokens: int) -> None:
        self._context = context
        self._spare = spare
        draw = np.random.default_rng(0)
        self.block = [int(token) for token in draw.integers(vocabulary_size // 2, vocabulary_size, BLOCK)]
        for start in range(0, BLOCK, batch_tokens):
            context.decode([BatchSlice(spare, start, self.block[start : start + batch_tokens], 0)])
        self._state = context.memory.save(spare)
        context.memory.remove(spare)

    def fill(self, sequence: int, begin: int, depth: int) -> None:
        """Give a sequence of ``begin`` tokens the cells up to ``depth`` tokens.

        Raises:
            ValueError: these are no multiples of a block.
            RuntimeError: the cache has no room.
        """
        if begin % BLOCK or depth % BLOCK:
            raise ValueError(f"depth: expected a multiple of {BLOCK}, got {begin} and {depth}")
        memory = llama_cpp.llama_get_memory(self._context.native)
        for start in range(begin, depth, BLOCK):
            if not self._context.memory.load(self._spare, self._state):
                raise RuntimeError(f"the KV cache has no room at a depth of {start}")
            llama_cpp.llama_memory_seq_add(memory, self._spare, 0, BLOCK, start)
            llama_cpp.llama_memory_seq_cp(memory, self._spare, sequence, start, start + BLOCK)
            self._context.memory.remove(self._spare)
        self._context.decode([BatchSlice(self._spare, 0, self.block[:1], 1)])  # llama.cpp turns the keys only now
        self._context.memory.remove(self._spare)
