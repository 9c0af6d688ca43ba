"""llama.cpp's memory as plain lists: the cells of each sequence, and the token in each cell."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray


class FakeKVMemory:
    """A cell is free as soon as no sequence owns it.

    A copied prefix is shared, as in llama.cpp, or has cells of its own.
    """

    def __init__(self, shares_cells: bool = True) -> None:
        self.shares_cells = shares_cells
        self.can_cut = True
        self.owned: dict[int, dict[int, int]] = {}
        self.token_of: dict[int, int] = {}
        self.loads = 0
        self._new_cells = itertools.count()

    @property
    def used_cells(self) -> int:
        """Cells that some sequence owns."""
        return len({cell for cells in self.owned.values() for cell in cells.values()})

    def tokens(self, sequence: int) -> list[int]:
        """The tokens of a sequence, at positions without gaps."""
        cells = self.owned.get(sequence, {})
        return [self.token_of[cells[position]] for position in range(len(cells))]

    def append(self, sequence: int, tokens: list[int]) -> None:
        """Decode tokens at the end of a sequence, each into a new cell."""
        cells = self.owned.setdefault(sequence, {})
        for token, cell in zip(tokens, itertools.islice(self._new_cells, len(tokens)), strict=True):
            self.token_of[cell] = token
            cells[len(cells)] = cell

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Share the first cells of ``source`` with ``target``."""
        cells = self.owned.setdefault(target, {})
        if not self.shares_cells:
            for position, token in enumerate(self.tokens(source)[:length]):
                cells[position] = next(self._new_cells)
                self.token_of[cells[position]] = token
            return
        assert not any(position in cells for position in range(length)), f"sequence {target} has a beginning already"
        cells.update({position: self.owned[source][position] for position in range(length)})

    def remove(self, sequence: int) -> None:
        """Remove a sequence from all its cells."""
        self.owned.pop(sequence, None)

    def cut(self, sequence: int, begin: int, end: int) -> None:
        """Remove a sequence from its cells at some positions."""
        for position in range(begin, end):
            del self.owned[sequence][position]

    def state_bytes(self, sequence: int) -> int:
        """Eight bytes per token."""
        return 8 * len(self.owned[sequence])

    def save(self, sequence: int) -> NDArray[np.uint8]:
        """The tokens, in order."""
        return np.array(self.tokens(sequence), np.int64).view(np.uint8)

    def load(self, sequence: int, state: NDArray[np.uint8]) -> bool:
        """Restore the saved tokens into new cells."""
        self.remove(sequence)
        self.append(sequence, state.view(np.int64).tolist())
        self.loads += 1
        return True
