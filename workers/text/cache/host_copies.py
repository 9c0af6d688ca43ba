"""Copies of sequences between the KV cache and main memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from workers.text.cache.copy_costs import CopyCosts
from workers.text.cache.ends import Ends
from workers.text.cache.host_cache import HostCache, SavedPrefix
from workers.text.cache.kv_memory import KVMemory
from workers.text.cache.pseudo_tokens import positions_of

MIN_SAVED_TOKENS = 32
"""A sequence is saved to main memory, or restored from it, only if that avoids the prefill of this many tokens."""


class HostCopies:
    """Copies from ``memory`` to ``host`` and back. With ``costs``, only those that pay are made.

    What has ``ends`` is restored only at its end, or where there is a checkpoint. If set, ``restored`` is called with
    the bytes and seconds of each copy from ``host``.
    """

    def __init__(self, memory: KVMemory, host: HostCache, costs: CopyCosts | None, ends: Ends | None) -> None:
        self._memory = memory
        self._host = host
        self._costs = costs
        self._ends = ends
        self.restored: Callable[[int, float], None] | None = None

    @property
    def is_used(self) -> bool:
        """Whether anything is saved at all."""
        return self._host.is_used

    def has_room_for(self, sequence: int) -> bool:
        """Whether a sequence would be kept."""
        return self._host.has_room_for(self._memory.state_bytes(sequence))

    def save(self, sequence: int, tokens: list[int], owner: str, prompt_length: int, goes_on: bool) -> bool:
        """Save a sequence that holds ``tokens``; False if it is there, or has no room, or if that costs too much."""
        if self._host.holds(tokens, owner) or not self.has_room_for(sequence):
            return False
        if self._costs is not None and not self._costs.saving.pays():
            return False
        with nullcontext() if self._costs is None else self._costs.saving.measured(len(tokens)):
            state = self._memory.save(sequence)
        self._host.put(tokens, state, owner, prompt_length, goes_on)
        return True

    def beyond(self, tokens: list[int], shared: int, owner: str) -> tuple[int, SavedPrefix | None]:
        """The longest saved prefix of ``tokens``, if it is worth restoring beside the ``shared`` ones."""
        length, saved = self._longest(tokens, owner)
        if saved is None or length - shared < MIN_SAVED_TOKENS:
            return 0, None
        if self._costs is not None and not self._costs.loading.pays():
            return 0, None
        return length, saved

    def reach(self, tokens: list[int], owner: str) -> int:
        """How many of ``tokens`` a saved prefix gives. Other threads may ask too."""
        return self._longest(tokens, owner)[0]

    def restore(self, sequence: int, saved: SavedPrefix, begin: int, end: int) -> bool:
        """Restore the tokens from ``begin`` to before ``end``; False if the memory has no cells for them."""
        self._host.touch(saved)
        began_at_s = time.perf_counter()
        with nullcontext() if self._costs is None else self._costs.loading.measured(len(saved.tokens)):
            loaded = self._memory.load(sequence, saved.state)
        if self.restored is not None:
            self.restored(saved.state.nbytes, time.perf_counter() - began_at_s)
        if loaded and self._ends is not None and end < len(saved.tokens):
            loaded = self._ends.begin_within(sequence, saved.tokens, saved.owner, end)
        if not loaded:
            self._memory.remove(sequence)
            return False
        first, last, after = (positions_of(saved.tokens, place) for place in (begin, end, len(saved.tokens)))
        self._memory.cut(sequence, last, after)
        self._memory.cut(sequence, 0, first)
        return True

    def _longest(self, tokens: list[int], owner: str) -> tuple[int, SavedPrefix | None]:
        length, saved = self._host.longest(tokens, owner)
        if saved is not None and self._ends is not None and length < len(saved.tokens):
            length = self._ends.reachable(tokens, owner, length)
        return length, saved
