"""Prefixes that were evicted from the KV cache, in main memory. Restoring one takes a copy instead of a prefill.

The KV cache has few cells, and each token in it slows down every decode step. A saved prefix takes no cell until a
prompt begins like it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.llama.cache.prefix import common_prefix

State = NDArray[np.uint8]
"""llama.cpp's copy of one sequence: keys, values and positions, shape ``(bytes,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class SavedPrefix:
    """The tokens, the state and the owner of an ended sequence."""

    tokens: list[int]
    state: State
    owner: str


class HostCache:
    """Saved prefixes, with at most ``limit_bytes`` of state. The least recently used are dropped first.

    An owner's prefixes are found only with the same ``owner``.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._saved: OrderedDict[SavedPrefix, None] = OrderedDict()

    def holds(self, tokens: list[int], owner: str = "") -> bool:
        """Whether a saved prefix begins with all of ``tokens``. It becomes the most recently used."""
        length, saved = self.longest(tokens, owner)
        if saved is None or length < len(tokens):
            return False
        self._saved.move_to_end(saved)
        return True

    def has_room_for(self, state_bytes: int) -> bool:
        """Whether a state of this size would be kept."""
        return 0 < state_bytes <= self._limit_bytes

    def put(self, tokens: list[int], state: State, owner: str = "") -> None:
        """Save a state. It replaces the states of its prefixes."""
        for saved in [s for s in self._of(owner) if common_prefix(s.tokens, tokens) == len(s.tokens)]:
            self._drop(saved)
        self._saved[SavedPrefix(tokens, state, owner)] = None
        self._used_bytes += state.nbytes
        while self._used_bytes > self._limit_bytes:
            self._drop(next(iter(self._saved)))

    def longest(self, tokens: list[int], owner: str = "") -> tuple[int, SavedPrefix | None]:
        """The longest common prefix of ``tokens`` and a saved prefix: its length, and the shortest such prefix."""
        best_length, best = 0, None
        for saved in self._of(owner):
            length = common_prefix(saved.tokens, tokens)
            shorter = best is not None and length == best_length and len(saved.tokens) < len(best.tokens)
            if length > best_length or shorter:
                best_length, best = length, saved
        return best_length, best

    def touch(self, saved: SavedPrefix) -> None:
        """Make a prefix the most recently used, unless it has been dropped since it was found."""
        if saved in self._saved:
            self._saved.move_to_end(saved)

    def _of(self, owner: str) -> list[SavedPrefix]:
        return [saved for saved in self._saved if saved.owner == owner]

    def _drop(self, saved: SavedPrefix) -> None:
        del self._saved[saved]
        self._used_bytes -= saved.state.nbytes
