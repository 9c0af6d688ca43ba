"""Prefixes that left the KV cache, kept in main memory: bringing one back takes a copy instead of a prefill.

Every token in the KV cache costs time in each decode step, wanted or not, and its cells are few. What waits here costs
nothing until a prompt begins like it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.llama.cache.tokens import common_prefix

State = NDArray[np.uint8]
"""What llama.cpp writes for one sequence: keys, values and positions, shape ``(bytes,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class SavedPrefix:
    """The tokens of a sequence that has ended, and its state."""

    tokens: list[int]
    state: State


class HostCache:
    """Saved prefixes up to ``limit_bytes`` of state; the least recently used leave first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._saved: OrderedDict[SavedPrefix, None] = OrderedDict()

    @property
    def used_bytes(self) -> int:
        """The states' bytes."""
        return self._used_bytes

    def __len__(self) -> int:
        return len(self._saved)

    def holds(self, tokens: list[int]) -> bool:
        """Whether a saved prefix begins with all of ``tokens``; it counts as used just now."""
        length, saved = self.longest(tokens)
        if saved is None or length < len(tokens):
            return False
        self._saved.move_to_end(saved)
        return True

    def has_room_for(self, state_bytes: int) -> bool:
        """Whether a state of that size would be kept."""
        return 0 < state_bytes <= self._limit_bytes

    def put(self, tokens: list[int], state: State) -> None:
        """Keep a state. Those of its beginnings are not needed any more."""
        for saved in [s for s in self._saved if common_prefix(s.tokens, tokens) == len(s.tokens)]:
            self._drop(saved)
        self._saved[SavedPrefix(tokens, state)] = None
        self._used_bytes += state.nbytes
        while self._used_bytes > self._limit_bytes:
            self._drop(next(iter(self._saved)))

    def longest(self, tokens: list[int]) -> tuple[int, SavedPrefix | None]:
        """The saved prefix that shares most of the beginning of ``tokens``, and how much that is."""
        best_length, best = 0, None
        for saved in self._saved:
            length = common_prefix(saved.tokens, tokens)
            if length > best_length or (best is not None and length == best_length > 0 and _shorter(saved, best)):
                best_length, best = length, saved
        return best_length, best

    def touch(self, saved: SavedPrefix) -> None:
        """It was used just now."""
        self._saved.move_to_end(saved)

    def _drop(self, saved: SavedPrefix) -> None:
        del self._saved[saved]
        self._used_bytes -= saved.state.nbytes


def _shorter(one: SavedPrefix, other: SavedPrefix) -> bool:
    return len(one.tokens) < len(other.tokens)
