"""Which sequence has which row of the cache, and how far the row is filled."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from workers.onnx.text.decoding.buffers import MainMemoryTensor, RowTensor

State = NDArray[np.uint8]

MAX_IDLE_SHARE = 4
"""Rows are moved together if more than one in so many of a batch would be computed for nothing."""


class CacheRows:
    """The rows of all layers' keys and values. Implements ``KVMemory`` of :mod:`workers.text.cache.kv_memory`.

    A sequence gets the lowest free row when it needs one. In tensors of a GPU nothing is copied, saved or moved.
    """

    shares_cells = False
    can_cut = True

    def __init__(self, tensors: list[RowTensor]) -> None:
        self._tensors = tensors
        self._arrays = [tensor.array for tensor in tensors if isinstance(tensor, MainMemoryTensor)]
        rows = tensors[0].shape[0]
        self._free = list(range(rows))
        self._rows: dict[int, int] = {}
        self._lengths: dict[int, int] = {}
        self._cell_bytes: int = sum(array.itemsize * array.shape[1] * array.shape[3] for array in self._arrays)

    def row_of(self, sequence: int) -> int:
        """The row of a sequence."""
        row = self._rows.get(sequence)
        if row is None:
            row = self._rows[sequence] = heapq.heappop(self._free)
            self._lengths[sequence] = 0
        return row

    def fill(self, sequence: int, length: int) -> None:
        """Record that a sequence's row holds ``length`` tokens."""
        self._lengths[sequence] = length

    def lengths(self, first: int, count: int) -> NDArray[np.int64]:
        """How many tokens each of some consecutive rows holds, shape ``(count,)``."""
        lengths = np.zeros(count, np.int64)
        for sequence, row in self._rows.items():
            if first <= row < first + count:
                lengths[row - first] = self._lengths[sequence]
        return lengths

    def gather(self, sequences: Iterable[int]) -> tuple[int, int]:
        """The first of consecutive rows that hold all of ``sequences``, and their number.

        Other rows may be between them, if they are few; sequences are moved for that.
        """
        rows = {self.row_of(sequence): sequence for sequence in sequences}
        first, last = min(rows), max(rows)
        if self._arrays and (last - first + 1 - len(rows)) * MAX_IDLE_SHARE > len(rows):
            self._move_together(rows, first)
            first, last = min(rows), max(rows)
        return first, last - first + 1

    def _move_together(self, rows: dict[int, int], first: int) -> None:
        """Change places until ``rows`` are the first ones from ``first`` on."""
        wanted = range(first, first + len(rows))
        holes = [row for row in wanted if row not in rows]
        beyond = [row for row in rows if row not in wanted]
        by_row = {row: sequence for sequence, row in self._rows.items()}
        for hole, row in zip(holes, beyond, strict=True):
            other = by_row.get(hole)
            self._exchange(row, hole, self._lengths[rows[row]], 0 if other is None else self._lengths[other])
            rows[hole] = rows.pop(row)
            self._rows[rows[hole]] = hole
            if other is not None:
                self._rows[other] = row
            else:
                self._free.remove(hole)
                heapq.heapify(self._free)
                self._release(row)

    def _exchange(self, row: int, other: int, length: int, other_length: int) -> None:
        for array in self._arrays:
            kept = array[other, :, :other_length].copy()
            array[other, :, :length] = array[row, :, :length]
            array[row, :, :other_length] = kept

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Copy the first ``length`` tokens of sequence ``source`` to ``target``."""
        begin, end = self.row_of(source), self.row_of(target)
        for array in self._arrays:
            array[end, :, :length] = array[begin, :, :length]
        self._lengths[target] = max(self._lengths[target], length)

    def remove(self, sequence: int) -> None:
        """Free the row of a sequence."""
        self._lengths.pop(sequence, None)
        row = self._rows.pop(sequence, None)
        if row is not None:
            self._release(row)

    def cut(self, sequence: int, begin: int, end: int) -> None:
        """Forget the tokens at positions ``begin`` to ``end - 1``. Those at the beginning stay until written anew."""
        if begin and begin < end >= self._lengths.get(sequence, 0):
            self._lengths[sequence] = min(self._lengths[sequence], begin)

    def state_bytes(self, sequence: int) -> int:
        """The size of what :meth:`save` returns."""
        return self._lengths.get(sequence, 0) * self._cell_bytes

    def save(self, sequence: int) -> State:
        """A copy of a sequence's keys and values."""
        row, length = self.row_of(sequence), self._lengths[sequence]
        state = np.empty(self.state_bytes(sequence), np.uint8)
        for array, part in self._parts(state, length):
            part[...] = array[row, :, :length]
        return state

    def load(self, sequence: int, state: State) -> bool:
        """Restore a copy as sequence ``sequence``."""
        row, length = self.row_of(sequence), len(state) // self._cell_bytes
        for array, part in self._parts(state, length):
            array[row, :, :length] = part
        self._lengths[sequence] = length
        return True

    def _parts(self, state: State, length: int) -> Iterable[tuple[NDArray[np.generic], NDArray[np.generic]]]:
        """Each tensor, with its part of a state, shape ``(heads, length, head size)``."""
        end = 0
        for array in self._arrays:
            shape = (array.shape[1], length, array.shape[3])
            begin, end = end, end + array.itemsize * shape[0] * shape[1] * shape[2]
            yield array, state[begin:end].view(array.dtype).reshape(shape)

    def _release(self, row: int) -> None:
        heapq.heappush(self._free, row)
        for tensor in self._tensors:
            tensor.free(row)
