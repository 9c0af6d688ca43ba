"""What the KV cache needs of the memory in which a decoder keeps keys and values."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from workers.text.cache.host_cache import State


class KVMemory(Protocol):
    """The keys, values and other states of a decoder's sequences.

    Each cell has a position in its sequence. Several may have one: then a prefix holds all of them or none.

    With ``shares_cells``, sequences that begin alike hold those cells together; without, each has its own. Without
    ``can_cut``, a sequence cannot lose its last tokens, or begin with a part of another: it has an :class:`EndMemory`.
    """

    shares_cells: bool
    can_cut: bool

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Let ``target`` begin with the cells of sequence ``source`` before position ``length``, shared or copied."""

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


@runtime_checkable
class EndMemory(KVMemory, Protocol):
    """A memory in which a part of a sequence's state is of its end only, as in recurrent models.

    Another sequence that shall begin with its tokens needs that part as it was behind them.
    """

    def end_bytes(self, sequence: int) -> int:
        """The size of what :meth:`save_end` returns."""

    def save_end(self, sequence: int) -> State:
        """A copy of that part."""

    def load_end(self, sequence: int, state: State) -> bool:
        """Replace that part by a copy of an earlier end; False if there is no room for it. Then the sequence is lost.

        The cells behind that end are still to be cut.
        """
