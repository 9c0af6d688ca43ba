"""Which tokens the KV cache holds, for whom, and what leaves it when room is needed.

All sequences share one pool of cells. The tokens in it form a radix tree: a node is a run of cells, and a sequence is
a path from the root. A new sequence that begins with cached tokens joins the nodes on its way, which costs no cell and
no copy (``llama_memory_seq_cp`` only marks the cells). Sequences that have ended stay until their cells or their id
are needed, or until they take more cells than ``kept_cells`` beside a new sequence; the least recently used leave
first, into main memory if a :class:`HostCache` is given. A prompt that begins like them brings them back.

The idea of a radix tree over cached prefixes is SGLang's (Zheng et al., 2023, "Efficiently Programming Large Language
Models using SGLang").
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence as Tokens
from dataclasses import dataclass, field
from typing import Protocol

from workers.llama.cache.host_cache import HostCache, SavedPrefix, State
from workers.llama.cache.tokens import common_prefix

WORTH_SAVING = 32
"""A sequence is saved in main memory, or brought back from it, if that spares the prefill of so many tokens."""


class KVMemory(Protocol):
    """The operations on llama.cpp's memory that the cache needs."""

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Let sequence ``target`` own the first ``length`` tokens of ``source`` as well."""

    def remove(self, sequence: int) -> None:
        """Take a sequence off all its cells; cells without a sequence are free again."""

    def cut(self, sequence: int, begin: int, end: int) -> None:
        """Take a sequence off its cells from position ``begin`` to before ``end``."""

    def state_bytes(self, sequence: int) -> int:
        """The size of what :meth:`save` returns."""

    def save(self, sequence: int) -> State:
        """A copy of what a sequence's cells hold."""

    def load(self, sequence: int, state: State) -> bool:
        """Put a copy into free cells, as sequence ``sequence``; False if llama.cpp would not."""


class CacheFull(Exception):
    """No cell or no sequence id is left, though all that had ended has been evicted."""


@dataclass(slots=True, eq=False)
class _Node:
    parent: _Node | None
    tokens: list[int]
    sequences: set[int] = field(default_factory=set)
    children: dict[int, list[_Node]] = field(default_factory=dict)

    def add_child(self, child: _Node) -> None:
        self.children.setdefault(child.tokens[0], []).append(child)

    def remove_child(self, child: _Node) -> None:
        siblings = self.children[child.tokens[0]]
        siblings.remove(child)
        if not siblings:
            del self.children[child.tokens[0]]


@dataclass(frozen=True, slots=True)
class Match:
    """The longest cached prefix of some tokens: its length, and a sequence that holds it (-1 when it is empty)."""

    length: int
    sequence: int


class KVCache:
    """Sequence ids and cells of one llama.cpp context.

    ``cells`` is the context's size in tokens and ``sequences`` the number of ids. Models whose memory cannot share a
    prefix (recurrent ones) are served with ``shareable`` False: then nothing is matched or kept. Ended sequences keep
    up to ``kept_cells`` cells of their own while others run; None does not bound them.
    """

    def __init__(
        self,
        memory: KVMemory,
        cells: int,
        sequences: int,
        shareable: bool = True,
        kept_cells: int | None = None,
        host: HostCache | None = None,
    ) -> None:
        self._memory = memory
        self._cells = cells
        self._kept_cells = cells if kept_cells is None else kept_cells
        self._host = host if shareable else None
        self._used = 0
        self._shareable = shareable
        self._free_ids = list(range(sequences - 1, -1, -1))
        self._root = _Node(None, [])
        self._tails: dict[int, _Node] = {}
        self._kept: OrderedDict[int, None] = OrderedDict()

    @property
    def used_cells(self) -> int:
        """Cells that hold a token, of running and of ended sequences."""
        return self._used

    @property
    def total_cells(self) -> int:
        """All cells."""
        return self._cells

    @property
    def kept_sequences(self) -> int:
        """Ended sequences that are kept for their prefix."""
        return len(self._kept)

    def match(self, tokens: Tokens[int]) -> Match:
        """The longest prefix of ``tokens`` that is in the cache; what holds it counts as used just now."""
        length, node = self._walk(tokens)
        if length == 0:
            return Match(0, -1)
        self._touch(node)
        return Match(length, next(iter(node.sequences)))

    def open(self, tokens: list[int]) -> tuple[int, int]:
        """Begin a sequence that will hold ``tokens``.

        Returns:
            Its id, and how many of ``tokens`` it has from the cache or from main memory.

        Raises:
            CacheFull: all ids belong to running sequences.
        """
        saved_length, saved = self._saved_beyond(tokens, self.match(tokens).length)
        sequence = self._take_id()  # which may evict a part of the match
        length, node = self._walk(tokens)
        self._tails[sequence] = self._root
        if saved is None or not self._load(sequence, saved, length, saved_length):
            saved_length = length
        if length:
            source = next(iter(node.sequences))
            self._join(sequence, node, length)
            self._memory.copy_prefix(source, sequence, length)
        self.extend(sequence, tokens[length:saved_length])
        self._trim()
        return sequence, saved_length

    def could_reserve(self, cells: int) -> bool:
        """Whether :meth:`reserve` would succeed, without evicting anything."""
        if self._cells - self._used >= cells:
            return True
        return self._cells - self._cells_of_running(self._root) >= cells

    def reserve(self, cells: int) -> None:
        """Make room for ``cells`` more tokens.

        Raises:
            CacheFull: running sequences fill the cache.
        """
        while self._cells - self._used < cells:
            if not self._kept:
                raise CacheFull(f"{cells} cells are needed, {self._cells - self._used} are free")
            self._evict_one()

    def extend(self, sequence: int, tokens: Tokens[int]) -> None:
        """Record that ``tokens`` were decoded at the end of a sequence; room was reserved for them."""
        if not tokens:
            return
        tail = self._tails[sequence]
        if tail is self._root or tail.children or len(tail.sequences) > 1:
            node = _Node(tail, list(tokens), {sequence})
            tail.add_child(node)
            self._tails[sequence] = node
        else:
            tail.tokens.extend(tokens)
        self._used += len(tokens)

    def keep(self, sequence: int) -> None:
        """A sequence has ended: keep its tokens for others, unless another sequence holds them all."""
        tail = self._tails[sequence]
        if not self._shareable or tail is self._root or len(tail.sequences) > 1:
            self.release(sequence)
        else:
            self._kept[sequence] = None

    def release(self, sequence: int) -> None:
        """Take a sequence out of the cache and free its id and what only it held."""
        node: _Node | None = self._tails.pop(sequence)
        self._kept.pop(sequence, None)
        self._memory.remove(sequence)
        self._free_ids.append(sequence)
        while node is not None and node.parent is not None:
            node.sequences.discard(sequence)
            if not node.sequences:
                self._used -= len(node.tokens)
                node.parent.remove_child(node)
            node = node.parent

    def clear_kept(self) -> None:
        """Evict every ended sequence."""
        while self._kept:
            self._evict_one()

    def _saved_beyond(self, tokens: list[int], shared: int) -> tuple[int, SavedPrefix | None]:
        """What main memory has of ``tokens``, if it is worth loading and there are cells for it."""
        length, saved = (0, None) if self._host is None else self._host.longest(tokens)
        if saved is None or length - shared < WORTH_SAVING:
            return 0, None
        try:
            self.reserve(len(saved.tokens))
        except CacheFull:
            return 0, None
        return length, saved

    def _load(self, sequence: int, saved: SavedPrefix, begin: int, end: int) -> bool:
        """Bring back the positions from ``begin`` to before ``end``."""
        assert self._host is not None
        self._host.touch(saved)
        if not self._memory.load(sequence, saved.state):
            return False
        self._memory.cut(sequence, end, len(saved.tokens))
        self._memory.cut(sequence, 0, begin)
        return True

    def _trim(self) -> None:
        """Evict ended sequences until the others hold no more cells than allowed."""
        while self._kept and self._used - self._cells_of_running(self._root) > self._kept_cells:
            self._evict_one()

    def _walk(self, tokens: Tokens[int]) -> tuple[int, _Node]:
        """Follow ``tokens`` from the root: how far they are cached, and the node in which the match ends."""
        best_length, best = 0, self._root
        ways = [(0, self._root)] if self._shareable else []
        while ways:  # equal tokens may lie in several cells, and a way that matches less here may lead further
            above, node = ways.pop()
            for child in node.children.get(tokens[above], ()) if above < len(tokens) else ():
                common = common_prefix(child.tokens, tokens, above)
                if above + common > best_length:
                    best_length, best = above + common, child
                if common == len(child.tokens):
                    ways.append((above + common, child))
        return best_length, best

    def _join(self, sequence: int, node: _Node, length: int) -> None:
        """Put ``sequence`` on the path of ``length`` tokens that ends in ``node``, splitting the node if need be."""
        above = _depth(node.parent)
        if length < above + len(node.tokens):
            node = self._split(node, length - above)
        self._tails[sequence] = node
        step: _Node | None = node
        while step is not None and step.parent is not None:
            step.sequences.add(sequence)
            step = step.parent

    def _split(self, node: _Node, at: int) -> _Node:
        """Cut a node in two; returns the upper part. The lower part stays the same object, so tails stay right."""
        parent = node.parent
        assert parent is not None
        parent.remove_child(node)
        upper = _Node(parent, node.tokens[:at], set(node.sequences))
        parent.add_child(upper)
        node.parent, node.tokens = upper, node.tokens[at:]
        upper.add_child(node)
        return upper

    def _cells_of_running(self, node: _Node) -> int:
        """Cells at and below ``node`` that some sequence which has not ended holds."""
        if node is not self._root and node.sequences <= self._kept.keys():
            return 0
        children = [child for siblings in node.children.values() for child in siblings]
        return len(node.tokens) + sum(self._cells_of_running(child) for child in children)

    def _take_id(self) -> int:
        if not self._free_ids:
            if not self._kept:
                raise CacheFull("all sequence ids are in use")
            self._evict_one()
        return self._free_ids.pop()

    def _touch(self, node: _Node) -> None:
        for sequence in node.sequences & self._kept.keys():
            self._kept.move_to_end(sequence)

    def _evict_one(self) -> None:
        sequence = next(iter(self._kept))
        self._save(sequence)
        self.release(sequence)

    def _save(self, sequence: int) -> None:
        """Copy a sequence into main memory, if it is worth that and not there yet."""
        if self._host is None or self._own_cells(sequence) < WORTH_SAVING:
            return
        tokens = self._tokens_of(sequence)
        if not self._host.holds(tokens) and self._host.has_room_for(self._memory.state_bytes(sequence)):
            self._host.put(tokens, self._memory.save(sequence))

    def _own_cells(self, sequence: int) -> int:
        """Cells that no other sequence holds."""
        cells, node = 0, self._tails[sequence]
        while node.parent is not None and len(node.sequences) == 1:
            cells += len(node.tokens)
            node = node.parent
        return cells

    def _tokens_of(self, sequence: int) -> list[int]:
        runs, node = [], self._tails[sequence]
        while node.parent is not None:
            runs.append(node.tokens)
            node = node.parent
        return [token for run in reversed(runs) for token in run]


def _depth(node: _Node | None) -> int:
    depth = 0
    while node is not None:
        depth += len(node.tokens)
        node = node.parent
    return depth
