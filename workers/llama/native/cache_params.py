"""From options to ``llama_context_params``: types of the KV cache, flash attention, positions."""

from __future__ import annotations

import re
from typing import Any

import llama_cpp

from shared.settings.placement import CACHE_TYPES, FLOAT_CACHE_TYPES, LlamaCppOptions

_TYPES = {name: getattr(llama_cpp, f"GGML_TYPE_{name.upper()}") for name in CACHE_TYPES if name != "bf16"}
_TYPES["bf16"] = 30
"""``GGML_TYPE_BF16``, which the binding does not name."""

_FLASH_ATTENTION = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
_ROPE_SCALINGS = {
    "": llama_cpp.LLAMA_ROPE_SCALING_TYPE_UNSPECIFIED,
    "none": llama_cpp.LLAMA_ROPE_SCALING_TYPE_NONE,
    "linear": llama_cpp.LLAMA_ROPE_SCALING_TYPE_LINEAR,
    "yarn": llama_cpp.LLAMA_ROPE_SCALING_TYPE_YARN,
}

_BLOCKS = re.compile(r"([KV]) cache type (\S+) with block size (\d+) does not divide n_embd_head_\w+=(\d+)")
_REFUSAL = re.compile(r"llama_init_from_model: (?!failed to initialize)(.*)")


def context_params(options: LlamaCppOptions, windowed: bool = False) -> Any:
    """The ``llama_context_params`` of a context, except for its sizes.

    If it is ``windowed``, layers with a sliding window keep only its tokens: prefixes are shared at checkpoints only.
    """
    params = llama_cpp.llama_context_default_params()
    params.type_k, params.type_v = _TYPES[options.cache_type_k], _TYPES[options.cache_type_v]
    params.flash_attn_type = _FLASH_ATTENTION[options.flash_attn]
    params.rope_scaling_type = _ROPE_SCALINGS[options.rope_scaling]
    params.rope_freq_base, params.rope_freq_scale = options.rope_freq_base, options.rope_freq_scale
    params.yarn_orig_ctx = options.yarn_orig_ctx
    params.kv_unified = True
    params.swa_full = not windowed
    params.no_perf = True
    return params


def trained_for(options: LlamaCppOptions, trained_tokens: int) -> int:
    """The context that a model gets from the options of its positions, if its file says ``trained_tokens``."""
    scaled = (options.yarn_orig_ctx or trained_tokens) / (options.rope_freq_scale or 1)
    return max(trained_tokens, round(scaled)) if options.rope_scaling != "none" else trained_tokens


def refusal(error: str) -> str | None:
    """What is wrong with the options of a context by llama.cpp's error; None if it refused none."""
    blocks = _BLOCKS.search(error)
    if blocks is not None:
        part, given, size, head = blocks.groups()
        expected = f"{', '.join(FLOAT_CACHE_TYPES[:-1])} or {FLOAT_CACHE_TYPES[-1]} for a model with heads of {head}"
        return f"cache_type_{part.lower()}: expected {expected}, which blocks of {size} do not divide, got {given}"
    found = _REFUSAL.search(error)
    return f"llama.cpp refuses the options of the KV cache: {found[1]}" if found is not None else None
