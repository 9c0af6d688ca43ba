"""llama.cpp's memory as plain lists: which cells each sequence owns, and which token each cell holds."""

from __future__ import annotations

import itertools


class FakeKVMemory:
    """A cell is free as soon as no sequence owns it; what is copied is shared, as llama.cpp does it."""

    def __init__(self) -> None:
        self.owned: dict[int, list[int]] = {}
        self.token_of: dict[int, int] = {}
        self._new_cells = itertools.count()

    @property
    def used_cells(self) -> int:
        """Cells that some sequence owns."""
        return len({cell for cells in self.owned.values() for cell in cells})

    def tokens(self, sequence: int) -> list[int]:
        """What a sequence holds."""
        return [self.token_of[cell] for cell in self.owned.get(sequence, [])]

    def append(self, sequence: int, tokens: list[int]) -> None:
        """Decode tokens at the end of a sequence, each into a cell of its own."""
        cells = list(itertools.islice(self._new_cells, len(tokens)))
        self.token_of.update(zip(cells, tokens, strict=True))
        self.owned.setdefault(sequence, []).extend(cells)

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Let ``target`` own the first cells of ``source`` as well."""
        assert not self.owned.get(target), f"sequence {target} is not empty"
        assert length <= len(self.owned.get(source, [])), f"sequence {source} is shorter than {length}"
        self.owned[target] = self.owned[source][:length]

    def remove(self, sequence: int) -> None:
        """Take a sequence off all its cells."""
        self.owned.pop(sequence, None)
