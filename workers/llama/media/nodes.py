"""Between the nodes of a graph that is being computed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import llama_cpp

from workers.llama.native.backends import library_folder

_LONG = {b"MUL_MAT", b"MUL_MAT_ID", b"FLASH_ATTN_EXT", b"CONV_2D", b"IM2COL"}
"""Operations that take the time. The threads would wait for each other more often between all the others."""


class NodeWatch:
    """Asks between the nodes of a graph whether to go on; ``native`` is ggml's callback, which must outlive its users.

    Asked after each ``every``-th node that takes long: a GPU is waited for each time.
    """

    def __init__(self, every: int) -> None:
        self.native = llama_cpp.ggml_backend_sched_eval_callback(self._on_node)
        self._every = every
        self._operation = ctypes.CDLL(str(library_folder() / "libggml-base.so")).ggml_op_desc
        self._operation.argtypes, self._operation.restype = [ctypes.c_void_p], ctypes.c_char_p
        self._node = 0
        self._go_on: Callable[[], bool] = _always
        self._is_stopped = False
        self._error: BaseException | None = None

    def begin(self, go_on: Callable[[], bool]) -> None:
        """Ask ``go_on`` from now on."""
        self._node, self._go_on, self._is_stopped, self._error = 0, go_on, False, None

    def end(self) -> bool:
        """Ask no more. Returns whether the graph was computed to its end.

        Raises:
            BaseException: what was asked raised; the graph was not computed to its end.
        """
        self._go_on, error, self._error = _always, self._error, None
        if error is not None:
            raise error
        return not self._is_stopped

    def _on_node(self, tensor: int, asks: bool, _data: Any) -> bool:
        """ggml first ``asks`` whether the nodes up to this one are to be computed by themselves, and does so."""
        if asks:
            if self._is_stopped:
                return True
            is_long = self._operation(tensor) in _LONG
            self._node += is_long
            return is_long and self._node % self._every == 0
        if not self._is_stopped:
            try:
                self._is_stopped = not self._go_on()
            except BaseException as error:  # it must not be raised through C
                self._error, self._is_stopped = error, True
        return not self._is_stopped


def _always() -> bool:
    return True
