"""Prefixes that were evicted from the KV cache, in main memory. Restoring one takes a copy instead of a prefill.

The KV cache has few cells, and each token in it slows down every decode step. A saved prefix takes no cell until a
prompt begins like it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.text.cache.credits import Credits, cost_of
from workers.text.cache.prefix import common_prefix
from workers.text.cache.pseudo_tokens import whole_prefix

State = NDArray[np.uint8]
"""A decoder's copy of one sequence's keys and values, shape ``(bytes,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class SavedPrefix:
    """The tokens, the state and the owner of an ended sequence.

    The first ``prompt_length`` tokens were its prompt. It ``goes_on`` if that prompt went on from an earlier one.
    """

    tokens: list[int]
    state: State
    owner: str
    prompt_length: int
    goes_on: bool

    @property
    def cost(self) -> float:
        """What it costs to compute it again."""
        return cost_of(len(self.tokens), self.goes_on)


class HostCache:
    """Saved prefixes, with at most ``limit_bytes`` of state. Those with the least :class:`Credits` are dropped first.

    An owner's prefixes are found only with the same ``owner``. Threads may share it. If set, ``dropped`` is called with
    each prefix that had no room; it must return at once.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._saved: Credits[SavedPrefix] = Credits(lambda saved: saved.cost)
        self._lock = threading.RLock()
        self.dropped: Callable[[SavedPrefix], None] | None = None

    @property
    def is_used(self) -> bool:
        """Whether anything is saved at all."""
        return self._limit_bytes > 0

    def all(self) -> list[SavedPrefix]:
        """What is saved, the least recently used first."""
        with self._lock:
            return list(self._saved)

    def holds(self, tokens: list[int], owner: str = "") -> bool:
        """Whether a saved prefix begins with all of ``tokens``. It becomes the most recently used."""
        with self._lock:
            length, saved = self.longest(tokens, owner)
            if saved is None or length < len(tokens):
                return False
            self._saved.use(saved)
            return True

    def has_room_for(self, state_bytes: int) -> bool:
        """Whether a state of this size would be kept."""
        return 0 < state_bytes <= self._limit_bytes

    def put(
        self, tokens: list[int], state: State, owner: str = "", prompt_length: int = 0, goes_on: bool = False
    ) -> None:
        """Save a state. It replaces the states of its prefixes."""
        self.add(SavedPrefix(tokens, state, owner, prompt_length, goes_on))

    def add(self, new: SavedPrefix) -> None:
        """Save a prefix. It replaces its own beginnings."""
        given_up: list[SavedPrefix] = []
        with self._lock:
            for saved in [s for s in self._of(new.owner) if common_prefix(s.tokens, new.tokens) == len(s.tokens)]:
                self._drop(saved)
            self._saved.use(new)
            self._used_bytes += new.state.nbytes
            while self._used_bytes > self._limit_bytes:
                given_up.append(self._saved.least(self._saved))
                self._drop(given_up[-1])
        if self.dropped is not None:
            for saved in given_up:
                self.dropped(saved)

    def longest(self, tokens: list[int], owner: str = "") -> tuple[int, SavedPrefix | None]:
        """The longest common prefix of ``tokens`` and a saved prefix: its length, and the shortest such prefix.

        It never ends within a chunk of a medium.
        """
        best_length, best = 0, None
        with self._lock:
            candidates = self._of(owner)
        for saved in candidates:
            length = whole_prefix(tokens, common_prefix(saved.tokens, tokens))
            shorter = best is not None and length == best_length and len(saved.tokens) < len(best.tokens)
            if length > best_length or shorter:
                best_length, best = length, saved
        return best_length, best

    def touch(self, saved: SavedPrefix) -> None:
        """Make a prefix the most recently used, unless it has been dropped since it was found."""
        with self._lock:
            if saved in self._saved:
                self._saved.use(saved)

    def _of(self, owner: str) -> list[SavedPrefix]:
        return [saved for saved in self._saved if saved.owner == owner]

    def _drop(self, saved: SavedPrefix) -> None:
        self._saved.forget(saved)
        self._used_bytes -= saved.state.nbytes
