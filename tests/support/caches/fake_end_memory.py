"""A played memory with a state of each sequence's end, as recurrent models have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.support.workers.fake_kv_memory import FakeKVMemory


class FakeEndMemory(FakeKVMemory):
    """The end state of a sequence is all its tokens. A wrong one fails the next :meth:`append`, as an assertion."""

    def __init__(self) -> None:
        super().__init__()
        self.can_cut = False
        self.refuses = False
        self.ends: dict[int, list[int]] = {}

    def append(self, sequence: int, tokens: list[int]) -> None:
        """Decode tokens at the end of a sequence, whose end state must be of just the tokens before them."""
        assert self.ends.get(sequence, []) == self.tokens(sequence), f"sequence {sequence} goes on from a wrong state"
        super().append(sequence, tokens)
        self.ends[sequence] = self.tokens(sequence)

    def remove(self, sequence: int) -> None:
        """Remove a sequence, its end state included."""
        super().remove(sequence)
        self.ends.pop(sequence, None)

    def cut(self, sequence: int, begin: int, end: int) -> None:
        """Remove cells behind the end state; no others can be removed."""
        assert begin >= end or len(self.ends[sequence]) <= begin, "a state cannot be cut"
        super().cut(sequence, begin, end)

    def end_bytes(self, sequence: int) -> int:
        """Eight bytes."""
        return 8

    def save_end(self, sequence: int) -> NDArray[np.uint8]:
        """The tokens of the end state, in order."""
        return np.array(self.ends[sequence], np.int64).view(np.uint8)

    def load_end(self, sequence: int, state: NDArray[np.uint8]) -> bool:
        """Replace the end state, unless the memory refuses to."""
        if self.refuses:
            self.remove(sequence)
            return False
        tokens = state.view(np.int64).tolist()
        assert tokens == self.tokens(sequence)[: len(tokens)], "a state of other tokens"
        self.ends[sequence] = tokens
        return True

    def load(self, sequence: int, state: NDArray[np.uint8]) -> bool:
        """Restore the saved tokens and the end state behind them."""
        self.remove(sequence)
        super().append(sequence, state.view(np.int64).tolist())
        self.ends[sequence] = self.tokens(sequence)
        self.loads += 1
        return True
