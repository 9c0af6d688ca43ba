"""Which sequences hold which cells of the KV cache, and which are evicted when room is needed.

All sequences share one pool of cells, one token each; their tokens form a :class:`RadixTree`. A new sequence that
begins with cached tokens shares their cells, which needs no new cell and no prefill. Ended sequences stay cached until
their cells or id are needed, or until they hold more than ``kept_cells`` when a new sequence starts. The one with the
least :class:`Credits` is evicted first, into main memory if there is a :class:`HostCache`, and restored for a prompt
that begins like it. Of a long one, only as much of its end as is needed.

Where the memory cannot be cut, sequences share only what ends at one of the :class:`Checkpoints`, or at the end of one
of them.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from collections.abc import Set
from contextlib import suppress

from workers.text.cache import host_copies
from workers.text.cache.checkpoints import Checkpoints
from workers.text.cache.copy_costs import CopyCosts
from workers.text.cache.credits import Credits, cost_of, goes_on
from workers.text.cache.ends import Ends
from workers.text.cache.host_cache import HostCache, SavedPrefix
from workers.text.cache.host_copies import HostCopies
from workers.text.cache.kv_memory import EndMemory, KVMemory
from workers.text.cache.pseudo_tokens import positions_of, whole_prefix
from workers.text.cache.radix_tree import RadixTree
from workers.text.cache.starts import PrefixStart, Starts

MIN_CUT_TOKENS = 256
"""At least so many tokens are cut from the end of a sequence at a time, and never more than half of its own."""


class CacheFull(Exception):
    """Running sequences hold all cells or all sequence ids."""


class KVCache:
    """Sequence ids and cells of one decoder.

    ``cells`` is the context's size in tokens, ``sequences`` the number of ids. Without ``can_share_prefixes``
    nothing is matched or kept. When a sequence starts, ended ones are evicted until only
    ``kept_cells`` cells are theirs alone, but for those that have no room in main memory; None for no bound. Sequences
    share prefixes only with those of one ``owner``. With ``costs``, only the copies to and from main memory that pay
    are made, by ``copies``. ``checkpoints`` are needed where the memory cannot be cut.
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
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._memory = memory
        self._cells = cells
        self._kept_cells = cells if kept_cells is None else kept_cells
        self._can_share_prefixes = can_share_prefixes
        self._free_ids = list(range(sequences - 1, -1, -1))
        self._tree = RadixTree()
        self.checkpoints = Checkpoints() if checkpoints is None else checkpoints
        self._ends = Ends(memory, self.checkpoints) if isinstance(memory, EndMemory) and not memory.can_cut else None
        self.copies = HostCopies(memory, host, costs, self._ends) if host is not None and can_share_prefixes else None
        self._starts = Starts(self._tree, None if self._ends is None else self.checkpoints)
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

    def match(self, tokens: list[int], owner: str = "") -> int:
        """The length of the longest cached prefix of ``tokens``. It becomes the most recently used."""
        if not self._can_share_prefixes:
            return 0
        start = self._starts.longest(tokens, owner)
        if start.length:
            for sequence in start.node.sequences:
                if sequence in self._kept and 2 * start.length >= self._tree.length_of(sequence):
                    self._kept.use(sequence)
        return start.length

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
        start = self._starts.longest(tokens[:most] if self._can_share_prefixes else [], owner)
        going_on = any(goes_on(start.length, self._prompts[s]) for s in start.node.sequences if s in self._kept)
        begin = start.length if self._ends is None else 0  # else what is restored has cells of its own
        restored = False
        if self.copies is not None and saved is not None:
            restored = self.copies.restore(sequence, saved, begin, saved_length)
            going_on = going_on or (restored and goes_on(saved_length, saved.prompt_length))
        if (restored and not begin) or (start.length and not self._share(start, tokens, sequence)):
            start = self._starts.longest([], owner)
        held = saved_length if restored else start.length
        self._tree.add(sequence, start.node, start.length)
        self._tree.extend(sequence, tokens[start.length : held])
        self._prompts[sequence] = len(tokens)
        if going_on:
            self._going_on.add(sequence)
        self._trim()
        return sequence, held

    def would_fit(self, tokens: list[int], others: int, ended: Set[int] = frozenset(), owner: str = "") -> bool:
        """Whether there are cells for a new sequence with ``tokens``, and for ``others`` tokens of running sequences.

        It is as if the running sequences ``ended`` had ended. Does not evict.
        """
        without, length = {*self._kept, *ended}, len(tokens)
        shares = self._can_share_prefixes and self._memory.shares_cells
        if shares and self._ends is not None:
            tokens = tokens[: self._starts.longest(tokens, owner, ends_too=False).length]
        shared = self._tree.held_beside(tokens, without, owner) if shares else 0
        return self._cells - self._held(without) >= length - shared + others

    def reserve(self, cells: int) -> None:
        """Make room for ``cells`` more tokens, evicting ended sequences if needed.

        Raises:
            CacheFull: running sequences leave too few cells.
        """
        while (missing := cells - self._free()) > 0:
            if not self._kept:
                raise CacheFull(f"expected {cells} free cells, got {self._free()}")
            sequence = self._kept.least(self._holding() or self._kept)
            if not self._cut(sequence, max(missing, MIN_CUT_TOKENS)):
                self._evict(sequence)

    def extend(self, sequence: int, tokens: Tokens[int]) -> None:
        """Record that ``tokens`` were decoded at the end of a sequence, in reserved cells."""
        self._tree.extend(sequence, tokens)

    @property
    def needs_checkpoints(self) -> bool:
        """Whether sequences share only what ends at a checkpoint, or at the end of one of them."""
        return self._can_share_prefixes and self._ends is not None

    def checkpoint(self, sequence: int) -> None:
        """Copy the state at a sequence's end, unless that was done, so that others can begin there."""
        if self._can_share_prefixes and self._ends is not None:
            self._ends.keep(sequence, self._tree.tokens_of(sequence), self._tree.owner_of(sequence))

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
        copies = self.copies if self.copies is not None and self.copies.is_used else None
        while self._held() - self._held({*self._kept}) > self._kept_cells:
            kept = self._holding()
            if copies is None:
                self._evict(self._kept.least(kept))
                continue
            movable = [sequence for sequence in kept if copies.has_room_for(sequence)]
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

    def _cut(self, sequence: int, tokens: int) -> bool:
        """Evict so many tokens or more of the end of an ended sequence, if it has twice as many of its own."""
        own, length = self._tree.own_size(sequence), self._tree.length_of(sequence)
        if 2 * tokens > own:
            return False
        all_tokens, owner = self._tree.tokens_of(sequence), self._tree.owner_of(sequence)
        left = whole_prefix(all_tokens, length - tokens)
        if self._ends is not None:
            left = self._ends.reachable(all_tokens, owner, left)
        if left <= length - own:
            return False
        self._save(sequence)
        if self._ends is not None and not self._ends.go_back(sequence, all_tokens, owner, left):
            self.release(sequence)
            return True
        self._tree.cut(sequence, length - left)
        self._memory.cut(sequence, positions_of(all_tokens, left), positions_of(all_tokens, length))
        self._prompts[sequence] = min(self._prompts[sequence], left)
        self._kept.shrunk(sequence)
        return True

    def _share(self, start: PrefixStart, tokens: list[int], sequence: int) -> bool:
        """Let a new sequence begin with what others hold; False if there is no room for the state of its end."""
        source = next(iter(start.node.sequences)) if start.ending is None else start.ending
        self._memory.copy_prefix(source, sequence, positions_of(tokens, start.length))
        if self._ends is None or self._ends.begin(sequence, start):
            return True
        self._memory.remove(sequence)
        return False

    def _save(self, sequence: int) -> None:
        """Copy a sequence to main memory if it is long enough and not there yet."""
        if self._tree.own_size(sequence) >= host_copies.MIN_SAVED_TOKENS:
            self._copy(sequence)

    def _copy(self, sequence: int) -> bool:
        """Copy a sequence to main memory; False if it is there, or has no room, or if that costs too much."""
        if self.copies is None:
            return False
        tokens, owner = self._tree.tokens_of(sequence), self._tree.owner_of(sequence)
        return self.copies.save(sequence, tokens, owner, self._prompts[sequence], sequence in self._going_on)

    def _saved_beyond(self, tokens: list[int], shared: int, owner: str) -> tuple[int, SavedPrefix | None]:
        """The longest saved prefix of ``tokens``, if it is worth restoring and there are cells for it."""
        length, saved = (0, None) if self.copies is None else self.copies.beyond(tokens, shared, owner)
        try:
            self.reserve(0 if saved is None else len(saved.tokens))
        except CacheFull:
            return 0, None
        return length, saved
