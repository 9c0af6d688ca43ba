"""llama.cpp's KV cache memory: shares, frees, saves and restores the cells of a sequence."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

_PARTIAL = llama_cpp.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY


class LlamaMemory:
    """The memory of one context. Implements ``EndMemory`` of :mod:`workers.text.cache.kv_memory`.

    A copy that llama.cpp failed to make has no bytes. It is refused when it is loaded, as any that is not whole.
    """

    shares_cells = True

    def __init__(self, context: int, can_cut: bool) -> None:
        self.can_cut = can_cut
        self._context = context
        self._memory = llama_cpp.llama_get_memory(context)

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def remove(self, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def cut(self, sequence: int, begin: int, end: int) -> None:
        if begin < end:
            llama_cpp.llama_memory_seq_rm(self._memory, sequence, begin, end)

    def end_bytes(self, sequence: int) -> int:
        if self.can_cut:
            return 0
        return int(llama_cpp.llama_state_seq_get_size_ext(self._context, sequence, _PARTIAL))

    def save_end(self, sequence: int) -> NDArray[np.uint8]:
        state = np.empty(self.end_bytes(sequence), np.uint8)
        to = (_pointer_to(state), state.nbytes)
        return state[: int(llama_cpp.llama_state_seq_get_data_ext(self._context, *to, sequence, _PARTIAL))]

    def load_end(self, sequence: int, state: NDArray[np.uint8]) -> bool:
        size = (_pointer_to(state), state.nbytes)
        return bool(llama_cpp.llama_state_seq_set_data_ext(self._context, *size, sequence, _PARTIAL))

    def state_bytes(self, sequence: int) -> int:
        return int(llama_cpp.llama_state_seq_get_size(self._context, sequence))

    def save(self, sequence: int) -> NDArray[np.uint8]:
        state = np.empty(self.state_bytes(sequence), np.uint8)
        to = (_pointer_to(state), state.nbytes)
        return state[: int(llama_cpp.llama_state_seq_get_data(self._context, *to, sequence))]

    def load(self, sequence: int, state: NDArray[np.uint8]) -> bool:
        return bool(llama_cpp.llama_state_seq_set_data(self._context, _pointer_to(state), state.nbytes, sequence))


def _pointer_to(state: NDArray[np.uint8]) -> Any:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
