"""Which sequences hold which cells of the KV cache, and which are evicted when room is needed.

All sequences share one pool of cells, one token each; their tokens form a :class:`RadixTree`. A new sequence that
begins with cached tokens shares their cells, which needs no new cell and no prefill. Ended sequences stay cached until
their cells or id are needed, or until they hold more than ``kept_cells`` when a new sequence starts. The one with the
least :class:`Credits` is evicted first, into main memory if there is a :class:`HostCache`, and restored for a prompt
that begins like it. Of a long one, only as much of its end as is needed.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from collections.abc import Set
from contextlib import nullcontext, suppress
from typing import Protocol

from workers.text.cache.copy_costs import CopyCosts
from workers.text.cache.credits import Credits, cost_of
from workers.text.cache.host_cache import HostCache, SavedPrefix, State
from workers.text.cache.radix_tree import RadixTree

MIN_SAVED_TOKENS = 32
"""A sequence is saved to main memory, or restored from it, only if that avoids the prefill of this many tokens."""


MIN_CUT_TOKENS = 256
"""At least so many tokens are cut from the end of a sequence at a time, and never more than half of its own."""

PROMPT_TAIL_TOKENS = 16
"""So many of a prompt's last tokens may be others in the next turn: they begin an answer, with or without a thought."""


class KVMemory(Protocol):
    """What the cache needs of the memory in which a decoder keeps keys and values.

    With ``shares_cells``, sequences that begin alike hold those cells together; without, each has its own. Without
    ``can_cut``, a sequence cannot lose its last tokens, or begin with a part of another: a part of its state is of its
    end only, as in recurrent models.
    """

    shares_cells: bool
    can_cut: bool

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Let ``target`` begin with the first ``length`` cells of sequence ``source``, shared or copied."""

    def remove(self, sequence: int) -> None:
        """Remove a sequence from all its cells. Cells without a sequence are free."""

    def cut(self, sequence: int, begin: int, end: int) -> None:
        """Remove a sequence from its cells at positions ``begin`` to ``end - 1``."""

    def state_bytes(self, sequence: int) -> int:
        """The size of what :meth:`save` returns."""

    def save(self, sequence: int) -> State:
        """A copy of a sequence's cells."""

    def load(self, sequence: int, state: State) -> bool:
        """Restore a copy into free cells, as sequence ``sequence``; False if there are none."""


class CacheFull(Exception):
    """Running sequences hold all cells or all sequence ids."""


class KVCache:
    """Sequence ids and cells of one decoder.

    ``cells`` is the context's size in tokens, ``sequences`` the number of ids. Without ``can_share_prefixes``
    (recurrent models) nothing is matched or kept. When a sequence starts, ended ones are evicted until only
    ``kept_cells`` cells are theirs alone, but for those that have no room in main memory; None for no bound. Sequences
    share prefixes only with those of one ``owner``. With ``costs``, only the copies to and from main memory that pay
    are made.
    """

    def __init__(
        self,
        memory: KVMemory,
        cells: int,
        sequences: int,
        can_share_prefixes: bool = True,
        kept_cells: int | None = None,
        host: HostCache | None = None,
        costs: CopyCosts | None = None,
    ) -> None:
        self._memory = memory
        self._cells = cells
        self._kept_cells = cells if kept_cells is None else kept_cells
        self._host = host if can_share_prefixes else None
        self._costs = costs
        self._can_share_prefixes = can_share_prefixes
        self._free_ids = list(range(sequences - 1, -1, -1))
        self._tree = RadixTree()
        self._kept: Credits[int] = Credits(self._cost)
        self._prompts: dict[int, int] = {}
        self._going_on: set[int] = set()
        self._copied: set[int] = set()

    @property
    def used_cells(self) -> int:
        """Cells of running and ended sequences."""
        return self._held()

    @property
    def total_cells(self) -> int:
        """All cells."""
        return self._cells

    def match(self, tokens: Tokens[int], owner: str = "") -> int:
        """The length of the longest cached prefix of ``tokens``. It becomes the most recently used."""
        if not self._can_share_prefixes:
            return 0
        length, node = self._tree.match(tokens, owner)
        if length:
            for sequence in node.sequences:
                if sequence in self._kept and 2 * length >= self._tree.length_of(sequence):
                    self._kept.use(sequence)
        return length

    def open(self, tokens: list[int], owner: str = "") -> tuple[int, int]:
        """Begin a sequence that will hold ``tokens``.

        Returns:
            Its id, and how many of ``tokens`` need no prefill, as they came from the cache or from main memory.

        Raises:
            CacheFull: all ids belong to running sequences.
        """
        if not self._memory.shares_cells:
            with suppress(CacheFull):  # then less of it is copied
                self.reserve(len(tokens))
        saved_length, saved = self._saved_beyond(tokens, self.match(tokens, owner), owner)
        sequence = self._take_id()  # may evict a part of the match
        most = len(tokens) if self._memory.shares_cells else max(self._free(), 0)
        length, node = self._tree.match(tokens[:most] if self._can_share_prefixes else [], owner)
        going_on = any(_goes_on(length, self._prompts[s]) for s in node.sequences if s in self._kept)
        if saved is not None and self._restore(sequence, saved, length, saved_length):
            going_on = going_on or _goes_on(saved_length, saved.prompt_length)
        else:
            saved_length = length
        if length:
            self._memory.copy_prefix(next(iter(node.sequences)), sequence, length)
        self._tree.add(sequence, node, length)
        self._tree.extend(sequence, tokens[length:saved_length])
        self._prompts[sequence] = len(tokens)
        if going_on:
            self._going_on.add(sequence)
        self._trim()
        return sequence, saved_length

    def would_fit(self, tokens: list[int], others: int, ended: Set[int] = frozenset(), owner: str = "") -> bool:
        """Whether there are cells for a new sequence with ``tokens``, and for ``others`` tokens of running sequences.

        It is as if the running sequences ``ended`` had ended. Does not evict.
        """
        without = {*self._kept, *ended}
        shares = self._can_share_prefixes and self._memory.shares_cells
        shared = self._tree.held_beside(tokens, without, owner) if shares else 0
        return self._cells - self._held(without) >= len(tokens) - shared + others

    def reserve(self, cells: int) -> None:
        """Make room for ``cells`` more tokens, evicting ended sequences if needed.

        Raises:
            CacheFull: running sequences leave too few cells.
        """
        while (missing := cells - self._free()) > 0:
            if not self._kept:
                raise CacheFull(f"expected {cells} free cells, got {self._free()}")
            sequence = self._kept.least(self._holding() or self._kept)
            cut = max(missing, MIN_CUT_TOKENS)
            if 2 * cut <= self._tree.own_size(sequence):
                self._cut(sequence, cut)
            else:
                self._evict(sequence)

    def extend(self, sequence: int, tokens: Tokens[int]) -> None:
        """Record that ``tokens`` were decoded at the end of a sequence, in reserved cells."""
        self._tree.extend(sequence, tokens)

    def keep(self, sequence: int) -> None:
        """Keep an ended sequence's tokens for others, unless another sequence holds all of them.

        Those that ended earlier, and of which it holds all, need not be kept any longer.
        """
        if not self._can_share_prefixes or not self._tree.holds_own_tail(sequence):
            self.release(sequence)
            return
        for other in [other for other in self._kept if self._tree.holds_all_of(sequence, other)]:
            self.release(other)
        self._kept.use(sequence)

    def release(self, sequence: int) -> None:
        """Remove a sequence. Its id, and the cells that only it held, become free."""
        self._tree.remove(sequence)
        self._kept.forget(sequence)
        self._prompts.pop(sequence, None)
        self._going_on.discard(sequence)
        self._copied.discard(sequence)
        self._memory.remove(sequence)
        self._free_ids.append(sequence)

    def clear_kept(self) -> None:
        """Evict every ended sequence."""
        for sequence in list(self._kept):
            self._evict(sequence)

    def save_kept(self, least_tokens: int) -> bool:
        """Copy an ended sequence of so many tokens to main memory, unless that was done; False if none is left."""
        for sequence in reversed([sequence for sequence in self._kept if sequence not in self._copied]):
            self._copied.add(sequence)
            if self._tree.length_of(sequence) >= least_tokens and self._copy(sequence):
                return True
        return False

    def _free(self) -> int:
        return self._cells - self._held()

    def _held(self, without: Set[int] = frozenset()) -> int:
        """The cells of all sequences, but for those that only ``without`` hold."""
        if self._memory.shares_cells:
            return self._tree.size_without(without) if without else self._tree.size
        return sum(self._tree.length_of(sequence) for sequence in self._prompts if sequence not in without)

    def _cost(self, sequence: int) -> float:
        """What it costs to compute again what only this sequence holds."""
        return cost_of(self._tree.own_size(sequence), sequence in self._going_on)

    def _holding(self) -> list[int]:
        """The ended sequences that hold cells of their own."""
        return [s for s in self._kept if self._tree.own_size(s) or not self._memory.shares_cells]

    def _trim(self) -> None:
        """Evict until few cells are kept. What main memory takes is not lost, so the order is that of the last use."""
        host = self._host if self._host is not None and self._host.is_used else None
        while self._held() - self._held({*self._kept}) > self._kept_cells:
            kept = self._holding()
            if host is None:
                self._evict(self._kept.least(kept))
                continue
            movable = [sequence for sequence in kept if host.has_room_for(self._memory.state_bytes(sequence))]
            if not movable:
                return
            self._evict(movable[0])

    def _take_id(self) -> int:
        if not self._free_ids:
            if not self._kept:
                raise CacheFull("all sequence ids are in use")
            holding = {*self._holding()}
            useless = [sequence for sequence in self._kept if sequence not in holding]
            self._evict(self._kept.least(useless or self._kept))
        return self._free_ids.pop()

    def _evict(self, sequence: int) -> None:
        self._save(sequence)
        self.release(sequence)

    def _cut(self, sequence: int, tokens: int) -> None:
        """Evict the end of an ended sequence."""
        self._save(sequence)
        length = self._tree.length_of(sequence)
        self._memory.cut(sequence, self._tree.cut(sequence, tokens), length)
        self._prompts[sequence] = min(self._prompts[sequence], length - tokens)
        self._kept.shrunk(sequence)

    def _save(self, sequence: int) -> None:
        """Copy a sequence to main memory if it is long enough and not there yet."""
        if self._tree.own_size(sequence) >= MIN_SAVED_TOKENS:
            self._copy(sequence)

    def _copy(self, sequence: int) -> bool:
        """Copy a sequence to main memory; False if it is there, or has no room, or if that costs too much."""
        if self._host is None:
            return False
        tokens, owner = self._tree.tokens_of(sequence), self._tree.owner_of(sequence)
        if self._host.holds(tokens, owner) or not self._host.has_room_for(self._memory.state_bytes(sequence)):
            return False
        if self._costs is not None and not self._costs.saving.pays():
            return False
        with nullcontext() if self._costs is None else self._costs.saving.measured(len(tokens)):
            state = self._memory.save(sequence)
        self._host.put(tokens, state, owner, self._prompts[sequence], sequence in self._going_on)
        return True

    def _saved_beyond(self, tokens: list[int], shared: int, owner: str) -> tuple[int, SavedPrefix | None]:
        """The longest saved prefix of ``tokens``, if it is worth restoring and there are cells for it."""
        length, saved = (0, None) if self._host is None else self._host.longest(tokens, owner)
        if saved is None or length - shared < MIN_SAVED_TOKENS:
            return 0, None
        if self._costs is not None and not self._costs.loading.pays():
            return 0, None
        try:
            self.reserve(len(saved.tokens))
        except CacheFull:
            return 0, None
        return length, saved

    def _restore(self, sequence: int, saved: SavedPrefix, begin: int, end: int) -> bool:
        """Restore positions ``begin`` to ``end - 1``; False if the memory has no cells for them."""
        assert self._host is not None
        self._host.touch(saved)
        with nullcontext() if self._costs is None else self._costs.loading.measured(len(saved.tokens)):
            loaded = self._memory.load(sequence, saved.state)
        if not loaded:
            return False
        self._memory.cut(sequence, end, len(saved.tokens))
        self._memory.cut(sequence, 0, begin)
        return True


def _goes_on(length: int, prompt_length: int) -> bool:
    """Whether a prompt goes on from an earlier one, as the next turn of a chat does.

    Args:
        length: of what both begin with.
        prompt_length: of the earlier one.
    """
    return length >= max(prompt_length - PROMPT_TAIL_TOKENS, (prompt_length + 1) // 2, 1)
