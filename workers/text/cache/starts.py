"""Where a new sequence can begin: behind which tokens of which other sequence, and with which state."""

from __future__ import annotations

from dataclasses import dataclass

from workers.text.cache.checkpoints import Checkpoint, Checkpoints
from workers.text.cache.radix_tree import Node, RadixTree


@dataclass(frozen=True, slots=True)
class PrefixStart:
    """A beginning of ``length`` tokens, which end in a tree's ``node``.

    In an :class:`~workers.text.cache.kv_memory.EndMemory`, it has the state of a ``checkpoint``, or that of the
    sequence ``ending``, which has these tokens and no more.
    """

    length: int
    node: Node
    checkpoint: Checkpoint | None = None
    ending: int | None = None


class Starts:
    """Finds the longest start of a prompt: anywhere, or, with ``checkpoints``, only where a state is at hand."""

    def __init__(self, tree: RadixTree, checkpoints: Checkpoints | None) -> None:
        self._tree = tree
        self._checkpoints = checkpoints

    def longest(self, tokens: list[int], owner: str, ends_too: bool = True) -> PrefixStart:
        """The longest start. Without ``ends_too`` not at the end of a sequence, which may be evicted."""
        length, node = self._tree.match(tokens, owner)
        if self._checkpoints is None:
            return PrefixStart(length, node)
        checkpoint = self._checkpoints.longest(tokens, owner, length)
        within = self._tree.longest_within(tokens, owner) if ends_too else None
        if within is not None and (checkpoint is None or checkpoint.length <= within[0]):
            return PrefixStart(within[0], within[1], ending=within[2])
        length = 0 if checkpoint is None else checkpoint.length
        return PrefixStart(*self._tree.match(tokens[:length], owner), checkpoint=checkpoint)
