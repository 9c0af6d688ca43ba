"""Batches of tokens of many sequences, in llama.cpp's layout."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from workers.text.model import BatchSlice


class Batch:
    """A ``llama_batch`` of up to ``size`` tokens. Its arrays are filled through numpy, slice by slice."""

    def __init__(self, size: int) -> None:
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._counts = np.ones(size, np.int32)
        self._wanted = np.zeros(size, np.int8)
        self._pointers = self._sequences.ctypes.data + np.arange(size, dtype=np.uintp) * self._sequences.itemsize
        self.native = llama_cpp.llama_batch()
        self._point("token", self._tokens, ctypes.c_int32)
        self._point("pos", self._positions, ctypes.c_int32)
        self._point("n_seq_id", self._counts, ctypes.c_int32)
        self._point("seq_id", self._pointers, ctypes.POINTER(ctypes.c_int32))
        self._point("logits", self._wanted, ctypes.c_int8)

    def fill(self, slices: list[BatchSlice]) -> int:
        """Lay out the slices; returns how many tokens want logits."""
        end = 0
        for part in slices:
            start, end = end, end + len(part.tokens)
            self._tokens[start:end] = part.tokens
            self._positions[start:end] = np.arange(part.start, part.start + len(part.tokens))
            self._sequences[start:end] = part.cache_id
            self._wanted[start:end] = 0
            if part.outputs:
                self._wanted[end - part.outputs : end] = 1
        self.native.n_tokens = end
        return sum(part.outputs for part in slices)

    def _point(self, field: str, array: NDArray[Any], item: Any) -> None:
        setattr(self.native, field, array.ctypes.data_as(ctypes.POINTER(item)))
