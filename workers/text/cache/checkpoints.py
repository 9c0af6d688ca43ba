"""Copies of what a sequence's state is at one position, for memories that cannot go back to an earlier one.

A recurrent layer keeps one state of all tokens so far, and a layer with a sliding window the last tokens only. So a
prompt can begin with a part of another sequence only where such a copy was made. The rest of the sequence, keys and
values of all its tokens, stays in the KV cache or in main memory, and is needed beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence as Tokens
from dataclasses import dataclass

from workers.text.cache.host_cache import State

MAX_CHECKPOINTS = 1024
"""More are not kept, however small they are: each prompt is compared with all."""

_TOKEN_BYTES = 8
"""What a token takes in a list."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The end state behind ``tokens``, which ``owner`` had."""

    tokens: list[int]
    state: State
    owner: str

    @property
    def length(self) -> int:
        """The number of tokens."""
        return len(self.tokens)

    @property
    def nbytes(self) -> int:
        """What it takes in main memory."""
        return self.state.nbytes + _TOKEN_BYTES * len(self.tokens)

    def begins(self, tokens: Tokens[int], owner: str) -> bool:
        """Whether an owner's ``tokens`` begin with these."""
        length = len(self.tokens)
        return (
            length <= len(tokens)
            and owner == self.owner
            and tokens[length - 1] == self.tokens[-1]
            and tokens[:length] == self.tokens
        )


class Checkpoints:
    """Checkpoints of at most ``limit_bytes``. The least recently used are dropped first.

    Threads may share them.
    """

    def __init__(self, limit_bytes: int = 0) -> None:
        self._limit_bytes = limit_bytes
        self._kept: dict[Checkpoint, None] = {}
        self._lock = threading.RLock()
        self.used_bytes = 0
        self.hits = 0

    def __len__(self) -> int:
        return len(self._kept)

    def longest(self, tokens: Tokens[int], owner: str = "", most: int | None = None) -> Checkpoint | None:
        """The longest one with which ``tokens`` begin, with at most ``most`` tokens."""
        most = len(tokens) if most is None else min(most, len(tokens))
        best: Checkpoint | None = None
        with self._lock:
            kept = list(self._kept)
        for checkpoint in kept:
            longer = best is None or checkpoint.length > best.length
            if longer and checkpoint.length <= most and checkpoint.begins(tokens, owner):
                best = checkpoint
        return best

    def within(self, tokens: Tokens[int], owner: str = "") -> list[Checkpoint]:
        """All with which ``tokens`` begin, the shortest first."""
        with self._lock:
            kept = list(self._kept)
        return sorted((one for one in kept if one.begins(tokens, owner)), key=lambda one: one.length)

    def use(self, checkpoint: Checkpoint) -> None:
        """Note that a sequence began with one."""
        with self._lock:
            self.hits += 1
        self._touch(checkpoint)

    def holds(self, tokens: list[int], owner: str = "") -> bool:
        """Whether there is one with exactly these tokens. It becomes the most recently used."""
        found = self.longest(tokens, owner)
        if found is None or found.length < len(tokens):
            return False
        self._touch(found)
        return True

    def has_room_for(self, state_bytes: int) -> bool:
        """Whether a state of this size would be kept."""
        return 0 < state_bytes <= self._limit_bytes

    def put(self, tokens: list[int], state: State, owner: str = "") -> None:
        """Keep the state behind ``tokens``, of which there is at least one."""
        with self._lock:
            made = Checkpoint(tokens, state, owner)
            self._kept[made] = None
            self.used_bytes += made.nbytes
            while self.used_bytes > self._limit_bytes or len(self._kept) > MAX_CHECKPOINTS:
                dropped = next(iter(self._kept))
                del self._kept[dropped]
                self.used_bytes -= dropped.nbytes

    def _touch(self, checkpoint: Checkpoint) -> None:
        with self._lock:
            if checkpoint in self._kept:
                del self._kept[checkpoint]
                self._kept[checkpoint] = None
