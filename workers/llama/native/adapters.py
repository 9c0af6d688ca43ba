"""LoRA adapters of a model, and which of them a context computes with."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp

from shared.models.adapters import AdapterFile
from shared.wire.jobs import AdapterSet
from workers.engine import EngineLoadError
from workers.llama.native.log import held_back, with_last_error


class LlamaAdapters:
    """The adapters ``files`` of ``model``, llama.cpp's. They are loaded once, before any context, and freed with it.

    Raises:
        EngineLoadError: llama.cpp cannot read one, or it is not for this model.
    """

    def __init__(self, model: int, files: Sequence[AdapterFile]) -> None:
        self.files = tuple(files)
        self._natives = {file.name: _load(model, file) for file in files}

    def use(self, context: int, adapters: AdapterSet) -> None:
        """Let ``context`` compute all later batches with a set of these adapters.

        The next batch takes some milliseconds more, since llama.cpp plans its graphs anew.
        """
        count = len(adapters)
        natives = (ctypes.POINTER(ctypes.c_void_p) * count)(*(self._natives[name] for name, _ in adapters))
        scales = (ctypes.c_float * count)(*(scale for _, scale in adapters))
        code = llama_cpp.llama_set_adapters_lora(context, natives, count, scales)
        if code != 0:
            raise RuntimeError(f"llama_set_adapters_lora returned {code}")


def _load(model: int, file: AdapterFile) -> Any:
    with held_back():
        native = llama_cpp.llama_adapter_lora_init(model, file.path.encode())
        if not native:
            raise EngineLoadError(with_last_error(f"adapters: llama.cpp cannot load {file.name}"))
    return native
