"""The line that says how a model was loaded."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from shared.settings.placement import LlamaCppOptions
from workers.llama.native.loaded import ContextSizes, tell_loaded

SIZES = ContextSizes(4096, 8192, 512, 128)

LOAD = [
    "tensor blk.0.ffn_up_exps.weight (12 MiB q4_K) buffer type overridden to CPU",
    "tensor blk.0.ffn_gate_exps.weight (12 MiB q4_K) buffer type overridden to CPU",
    "tensor blk.11.ffn_up_exps.weight (12 MiB q4_K) buffer type overridden to CPU",
    "load_tensors: offloaded 24/33 layers to GPU",
    "load_tensors:   CPU_Mapped model buffer size =   100.00 MiB",
    "load_tensors:        CUDA0 model buffer size =  2000.50 MiB",
]
CONTEXT = [
    "llama_context: flash_attn            = auto",
    "llama_kv_cache:      CUDA0 KV buffer size =    60.00 MiB",
    "llama_kv_cache: size =   45.00 MiB (  8192 cells,  20 layers,  4/1 seqs), K (q8_0):   22.50 MiB",
    "llama_kv_cache: size =   15.00 MiB (  8192 cells,  10 layers,  4/1 seqs), K (q8_0):    7.50 MiB",
    "resolve_fused_ops: Flash Attention not supported, set to disabled",
]


def told(caplog: pytest.LogCaptureFixture, load: list[str], context: list[str], **options: Any) -> dict[str, object]:
    caplog.set_level(logging.INFO)
    tell_loaded(load, context, LlamaCppOptions(**options), SIZES, ["two such requests fit", "no flash attention here"])
    line = caplog.records[0]
    return {name: value for name, value in vars(line).items() if name not in vars(logging.makeLogRecord({}))}


def test_the_line_says_what_llama_cpp_did(caplog: pytest.LogCaptureFixture) -> None:
    found = told(caplog, LOAD, CONTEXT, cache_type_k="q8_0")
    assert {name: value for name, value in found.items() if name not in ("message", "asctime")} == {
        "context_tokens": 4096,
        "kv_cells": 8192,
        "kv_bytes": 60 * 1024 * 1024,
        "kv_types": "q8_0/f16",
        "flash_attn": "disabled",
        "gpu_layers": "24/33",
        "experts_on_cpu": "2 layers",
        "weights": "CPU_Mapped 105 MB, CUDA0 2098 MB",
        "batch": "512/128",
        "why": "two such requests fit; no flash attention here",
    }


def test_what_llama_cpp_does_not_tell_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    found = told(caplog, ["something else"], [])
    assert not {"kv_bytes", "kv_cells", "kv_types", "flash_attn", "gpu_layers", "experts_on_cpu", "weights"} & set(
        found
    )


def test_weights_that_cannot_be_locked_are_told(caplog: pytest.LogCaptureFixture) -> None:
    told(caplog, ["warning: failed to mlock 101-byte buffer"], [], mlock=True)
    assert "ulimit -l" in caplog.records[-1].message
