"""A decoder whose model is a hash function of the last tokens, so that its text repeats itself now and then."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from tests.support.workers.fake_kv_memory import FakeKVMemory
from workers.text.model import BatchSlice

LIKELY_TOKENS = 20
"""So many tokens are much likelier than the others."""


class HashedDecoder:
    """The logits depend on the last ``seen`` tokens only, whatever else is computed in the same batch.

    It checks that each sequence has exactly the tokens before those that it computes.
    """

    def __init__(self, vocabulary_size: int, seen: int = 1) -> None:
        self.memory = FakeKVMemory()
        self.widths: list[int] = []
        self._size = vocabulary_size
        self._seen = seen

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        """Compute a batch."""
        self.widths.append(sum(len(part.tokens) for part in slices))
        rows = []
        for part in slices:
            tokens = self.memory.tokens(part.cache_id)
            assert len(tokens) == part.start, f"expected {part.start} tokens in the cache, got {len(tokens)}"
            self.memory.append(part.cache_id, part.tokens)
            tokens += part.tokens
            ends = range(len(tokens) - part.outputs + 1, len(tokens) + 1)
            rows += [self._logits(tokens[max(0, end - self._seen) : end]) for end in ends]
        return np.array(rows, np.float32).reshape(len(rows), self._size)

    def close(self) -> None:
        """There is nothing to free."""

    def _logits(self, tokens: list[int]) -> NDArray[np.float32]:
        random = np.random.default_rng(zlib.crc32(np.array(tokens, np.int64).tobytes()))
        logits = random.normal(0, 1, self._size)
        likely = zlib.crc32(b"likely") % 1000 + 300 + np.arange(LIKELY_TOKENS)
        logits[likely] += 12 + random.normal(0, 2, LIKELY_TOKENS)
        return logits.astype(np.float32)
