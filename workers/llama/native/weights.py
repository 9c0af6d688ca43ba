"""From options to ``llama_model_params``: which devices hold which weights, and how the file is read."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp

from shared.settings.placement import LlamaCppOptions
from workers.llama.native.backends import cpu_buffer_type

EXPERTS = r"\.ffn_(gate|up|down|gate_up)_(ch)?exps"
"""Matches the tensors of experts in all of llama.cpp's architectures; ``chexps`` are experts shared in chunks."""

_SPLIT_MODES = {
    "none": llama_cpp.LLAMA_SPLIT_MODE_NONE,
    "layer": llama_cpp.LLAMA_SPLIT_MODE_LAYER,
    "row": llama_cpp.LLAMA_SPLIT_MODE_ROW,
}
_LOAD_MODES = {
    (False, False): llama_cpp.LLAMA_LOAD_MODE_AUTO,
    (False, True): llama_cpp.LLAMA_LOAD_MODE_MMAP_MLOCK,
    (True, False): llama_cpp.LLAMA_LOAD_MODE_NONE,
    (True, True): llama_cpp.LLAMA_LOAD_MODE_MLOCK,
}
"""By ``no_mmap`` and ``mlock``."""


class BufferOverride(ctypes.Structure):
    """``llama_model_tensor_buft_override``: tensors whose names match go into buffers of a type."""

    _fields_ = [("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p)]


class WeightParams:
    """``native`` are the params of a load; they point into this object.

    ``has_gpu`` is whether a GPU can be used, ``repacks`` whether the CPU's weights are repacked. Those are read, not
    mapped: else the plain weights would stay mapped beside them.
    """

    def __init__(self, options: LlamaCppOptions, has_gpu: bool, repacks: bool = False) -> None:
        self.native = llama_cpp.llama_model_default_params()
        self.native.n_gpu_layers = options.gpu_layers if has_gpu else 0
        self.native.split_mode = _SPLIT_MODES[options.split_mode]
        self.native.load_mode = _LOAD_MODES[options.no_mmap or repacks, options.mlock]
        self.native.use_extra_bufts = repacks
        self._shares: Any = None
        if options.tensor_split:
            self._shares = (ctypes.c_float * int(llama_cpp.llama_max_devices()))(*options.tensor_split)
            self.native.tensor_split = ctypes.cast(self._shares, ctypes.POINTER(ctypes.c_float))
        self._overrides: Any = None
        pattern = experts_on_cpu(options)
        if pattern and self.native.n_gpu_layers:  # without a GPU they are on the CPU anyway
            kept = BufferOverride(pattern.encode(), cpu_buffer_type())
            self._overrides = (BufferOverride * 2)(kept, BufferOverride())  # an empty one ends the list
            self.native.tensor_buft_overrides = ctypes.cast(self._overrides, ctypes.c_void_p)


def experts_on_cpu(options: LlamaCppOptions) -> str:
    """Matches the names of the experts that the CPU keeps; empty if there are none."""
    if options.cpu_moe:
        return EXPERTS
    return rf"^blk\.({_below(options.n_cpu_moe)}){EXPERTS}" if options.n_cpu_moe else ""


def _below(end: int) -> str:
    """Matches the numbers from 0 to ``end`` - 1.

    A list of them would be searched, and compiled, once for each of a thousand tensors.
    """
    digits = str(end - 1)
    found = [digits, *(f"[1-9][0-9]{{{length - 1}}}" for length in range(2, len(digits)))]
    if len(digits) > 1:
        found.append("[0-9]")
    for place, digit in enumerate(digits):
        lowest = 1 if place == 0 and len(digits) > 1 else 0
        if int(digit) > lowest:  # the same digits up to this place, and a smaller one here
            found.append(f"{digits[:place]}[{lowest}-{int(digit) - 1}][0-9]{{{len(digits) - place - 1}}}")
    return "|".join(found)
