"""What the saved states of a model's sequences depend on: its files, the settings of the context, llama.cpp itself."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp

from shared.engines.gguf_files import each_part
from shared.models.adapters import AdapterFile

HEAD_BYTES = 16 * 1024 * 1024
"""The header of a file, with its vocabulary, and some weights; of a smaller file, all."""

SAMPLES, SAMPLE_BYTES = 512, 16 * 1024
"""Of the weights behind it: so many samples. In a file of 5 GB, each matrix of usual size has some."""

MAX_PARTS = 1000

_OF_STATES = (
    "type_k",
    "type_v",
    "flash_attn_type",
    "rope_scaling_type",
    "rope_freq_base",
    "rope_freq_scale",
    "yarn_ext_factor",
    "yarn_attn_factor",
    "yarn_beta_fast",
    "yarn_beta_slow",
    "yarn_orig_ctx",
    "kv_unified",
    "swa_full",
)
"""The params of a context that change what a state means, or its layout."""


def identity_of(
    path: str, adapters: Sequence[AdapterFile], params: Any, model: int, cells: int, gpu_layers: int
) -> bytes:
    """The identity, 32 bytes.

    Raises:
        OSError: a file cannot be read.
    """
    context = {name: getattr(params, name) for name in _OF_STATES}
    facts = {
        "llama_cpp": llama_cpp.__version__,
        "system": llama_cpp.llama_print_system_info().decode("utf-8", "replace"),
        "context": context,
        "gpu_layers": gpu_layers,
        "cells": cells if _rope_depends_on_length(model) else 0,
        "adapters": {adapter.name: file_digest(Path(adapter.path)).hex() for adapter in adapters},
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    parts = list(each_part(os.path.basename(path)))[:MAX_PARTS]
    for part in parts:
        digest.update(file_digest(Path(path).with_name(part)))
    return digest.digest()


def file_digest(path: Path) -> bytes:
    """A digest of a file's size, beginning, end, and samples of what is between."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(size.to_bytes(8, "little"))
        digest.update(file.read(HEAD_BYTES))
        step = max((size - HEAD_BYTES) // SAMPLES, SAMPLE_BYTES)
        for begin in range(HEAD_BYTES, size, step):
            file.seek(begin)
            digest.update(file.read(SAMPLE_BYTES))
    return digest.digest()


def _rope_depends_on_length(model: int) -> bool:
    """Whether a model turns its keys otherwise in a longer context, as those with LongRoPE do."""
    name = _metadata(model, "general.architecture")
    return bool(_metadata(model, f"{name}.rope.scaling.original_context_length"))


def _metadata(model: int, key: str) -> str:
    buffer = ctypes.create_string_buffer(256)
    length = llama_cpp.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if length > 0 else ""
