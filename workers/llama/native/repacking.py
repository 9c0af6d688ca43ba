"""Whether llama.cpp repacks a model's weights: eight rows side by side, as the kernels of this CPU read them.

Repacked weights are a copy in main memory: each worker has its own, the system cannot drop it and read it again, and a
load takes longer. What is gained was measured (``python -m scripts.bench.repacking``, docs/speed.md): with Q4_0 and
IQ4_NL all work is faster. With K-quants, answers are faster and prompts slower, since llama.cpp computes large batches
best with kernels that read only plain K-quants. So these are repacked for models that write answers, but not where they
are experts, with which nothing is gained.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import llama_cpp

from shared.engines.gguf_files import split_parts
from shared.errors import ModelError
from shared.gguf.ggml_types import GGML_TYPES
from shared.gguf.header import read_gguf_header
from shared.gguf.tensors import TensorInfo
from shared.settings.placement import LlamaCppOptions

ALWAYS_FASTER = ("Q4_0", "IQ4_NL")
"""Types of tensors with which prompts and answers are faster on x86-64 when they are repacked."""

FASTER_ANSWERS = ("Q4_K",)
"""Types with which answers are faster, and prompts slower."""

LEAST_SHARE = 0.1
"""Of the weights, at least this much must gain."""

SPARE_RATIO = 1.2
"""Weights are repacked if this much of their size is free for each worker: they are read, and a context follows."""

_ROWS = 8
"""Matrices are repacked if the number of their rows is a multiple of this."""


@dataclass(frozen=True, slots=True)
class Repacking:
    """Whether weights are repacked, and why."""

    is_on: bool
    reason: str

    def __str__(self) -> str:
        return f"{'on' if self.is_on else 'off'}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Use:
    """What a model is loaded for: how many ``workers`` load it at once, and whether it ``answers`` or only reads."""

    workers: int = 1
    answers: bool = True


def choose(path: str, options: LlamaCppOptions, use: Use, has_gpu: bool, free_bytes: int) -> Repacking:
    """Decide for a model. ``free_bytes`` is the main memory that can be taken now.

    A file that cannot be read is not repacked; llama.cpp then says what is wrong with it.
    """
    if options.repack != "auto":
        return Repacking(options.repack == "on", f"repack={options.repack}")
    obstacle = _obstacle(options, has_gpu, features())
    if obstacle:
        return Repacking(False, obstacle)
    try:
        return by_weights(_tensors(path), use, free_bytes)
    except (ModelError, OSError, ValueError):
        return Repacking(False, "the file cannot be read")


def features() -> dict[str, bool]:
    """What the loaded build of llama.cpp was compiled for, and this CPU has, by ggml's names such as ``AVX512_VNNI``.

    Asking for it runs none of it.
    """
    told = llama_cpp.llama_print_system_info().decode(errors="replace")
    parts = (part.rpartition(":")[2].partition("=") for part in told.split("|"))
    return {name.strip(): value.strip() == "1" for name, _, value in parts if value}


def _obstacle(options: LlamaCppOptions, has_gpu: bool, build: dict[str, bool]) -> str:
    """Why weights are not repacked, whatever they are; empty if nothing speaks against it."""
    if build.get("AMX_INT8"):
        return "this build of llama.cpp would use AMX, which ends the process on some machines"
    if not build.get("REPACK") or not (build.get("AVX2") or build.get("DOTPROD")):
        return "llama.cpp cannot do it on this CPU"
    if has_gpu:
        return "a GPU computes"
    if options.mlock:
        return "repacked weights cannot be locked"
    return ""


def by_weights(tensors: list[TensorInfo], use: Use, free_bytes: int) -> Repacking:
    """Decide by a model's tensors, where llama.cpp can repack them."""
    all_bytes = _bytes(tensors)
    repacked = [tensor for tensor in tensors if _is_repacked(tensor)]
    gaining = [tensor for tensor in repacked if _gains(tensor, use)]
    share = _bytes(gaining) / max(1, all_bytes)
    if share < LEAST_SHARE or 2 * _bytes(gaining) < _bytes(repacked):
        return Repacking(False, "few weights are of a type that gains")
    if SPARE_RATIO * use.workers * all_bytes > free_bytes:
        return Repacking(False, "too little free memory for copies of the weights")
    names = "/".join(dict.fromkeys(_type_of(tensor) for tensor in gaining))
    return Repacking(True, f"{share:.0%} of the weights are {names}")


def _is_repacked(tensor: TensorInfo) -> bool:
    """Whether llama.cpp would repack it: matrices of some types, but for those whose rows are only looked up."""
    if len(tensor.dims) not in (2, 3) or tensor.dims[1] % _ROWS or tensor.name.startswith("token_embd"):
        return False
    return _type_of(tensor) in ALWAYS_FASTER + FASTER_ANSWERS


def _gains(tensor: TensorInfo, use: Use) -> bool:
    return _type_of(tensor) in ALWAYS_FASTER or (use.answers and len(tensor.dims) == 2)


def _type_of(tensor: TensorInfo) -> str:
    layout = GGML_TYPES.get(tensor.ggml_type)
    return layout.name if layout is not None else ""


def _bytes(tensors: Iterable[TensorInfo]) -> int:
    return sum(tensor.size_bytes or 0 for tensor in tensors)


def _tensors(path: str) -> list[TensorInfo]:
    """Those of a model's file and of its further parts."""
    first = Path(path)
    headers = (read_gguf_header(first.parent / name) for name in split_parts(first.name))
    return [tensor for header in headers for tensor in header.tensors]
