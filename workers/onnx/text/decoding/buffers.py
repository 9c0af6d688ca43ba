"""Memory for the keys and values of many sequences: one row of a tensor for each.

A row has room for a whole context, but takes memory only as it is written, and gives it back when its sequence ends.
"""

from __future__ import annotations

import mmap
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import DTypeLike, NDArray

PAGE_BYTES = mmap.PAGESIZE

_RESERVE_NOTHING = getattr(mmap, "MAP_NORESERVE", 0)
_DONTNEED: int | None = getattr(mmap, "MADV_DONTNEED", None)
_NOHUGEPAGE: int | None = getattr(mmap, "MADV_NOHUGEPAGE", None)


class RowTensor(Protocol):
    """A tensor of shape ``(rows, heads, tokens, head size)``. ``device`` is its place, as onnxruntime names it."""

    shape: tuple[int, int, int, int]
    dtype: np.dtype[np.generic]
    device: str

    def pointer(self, row: int) -> int:
        """The address of a row. The next row follows it."""

    def free(self, row: int) -> None:
        """Say that what a row holds is not needed any more."""


class MainMemoryTensor:
    """Rows in main memory, which ``array`` reads and writes."""

    device = "cpu"

    def __init__(self, rows: int, heads: int, tokens: int, head_size: int, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.shape = (rows, heads, tokens, head_size)
        self._row_bytes = heads * tokens * head_size * self.dtype.itemsize
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _RESERVE_NOTHING
        self._memory = mmap.mmap(-1, max(rows * self._row_bytes, PAGE_BYTES), flags=flags)
        if _NOHUGEPAGE is not None:  # the first token of a row would take megabytes
            self._memory.madvise(_NOHUGEPAGE)
        count = rows * heads * tokens * head_size
        self.array: NDArray[np.generic] = np.frombuffer(self._memory, self.dtype, count).reshape(self.shape)
        self._address = self.array.ctypes.data

    def pointer(self, row: int) -> int:
        return self._address + row * self._row_bytes

    def free(self, row: int) -> None:
        if _DONTNEED is None:
            return
        begin = -(-row * self._row_bytes // PAGE_BYTES) * PAGE_BYTES
        end = (row + 1) * self._row_bytes // PAGE_BYTES * PAGE_BYTES
        if begin < end:
            self._memory.madvise(_DONTNEED, begin, end - begin)


class DeviceTensor:
    """Rows in the memory of a GPU. They are read and written only by graphs."""

    device = "cuda"

    def __init__(self, rows: int, heads: int, tokens: int, head_size: int, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.shape = (rows, heads, tokens, head_size)
        self._row_bytes = heads * tokens * head_size * self.dtype.itemsize
        self._value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(self.shape), self.dtype, self.device, 0)

    def pointer(self, row: int) -> int:
        return int(self._value.data_ptr()) + row * self._row_bytes

    def free(self, row: int) -> None:
        """The memory stays with the tensor."""
