"""What is said about a model that does not fit."""

from __future__ import annotations

from collections.abc import Mapping

from shared.hub.sizes import rounded_bytes
from shared.memory.estimate import Estimate
from shared.settings import ModelSettings

_HALVES = ("f16", "bf16", "f32")
_WORTHWHILE = 10
"""A part of the whole that is smaller than this is not worth an option."""


def does_not_fit(
    model: ModelSettings, least: Estimate, room: Mapping[str, int], gpus: tuple[str, ...], limit: str = "the budget"
) -> str:
    """One line: what a model needs, what the devices have (``limit`` is what that is), and what would help."""
    parts = [f"weights {rounded_bytes(least.weights_bytes)}"]
    if least.kv_bytes:
        parts.append(f"KV cache {rounded_bytes(least.kv_bytes)} for {least.cells} tokens")
    parts.append(f"the rest {rounded_bytes(least.rest_bytes)}")
    budgets = " and ".join(f"that of {name} {rounded_bytes(room.get(name, 0))}" for name in ("cpu", *gpus))
    needs = f"{model.name}: needs about {rounded_bytes(least.total_bytes)} ({', '.join(parts)})"
    helps = [*_help(model, least), *(["a larger --memory-budget"] if limit == "the budget" else [])]
    help_line = (", ".join(helps[:-1]) + f" or {helps[-1]}").removeprefix(" or ")
    return f"{needs}, and {limit} is {budgets.removeprefix('that of ')}; {help_line} would help"


def _help(model: ModelSettings, least: Estimate) -> list[str]:
    """The options that make it smaller, the most useful first."""
    helps = []
    states_bytes = least.kv_bytes - round(least.kv_bytes_per_token * least.cells)
    if least.kv_bytes and model.context_tokens > 0:
        helps.append("a smaller --nctx")
    if model.slots > 1 and states_bytes > least.total_bytes // _WORTHWHILE:
        helps.append("fewer --slots")
    is_large = least.kv_bytes - states_bytes > least.total_bytes // _WORTHWHILE
    if is_large and {model.cache_type_k, model.cache_type_v} & set(_HALVES):
        helps.append("--cache-type-k q8_0 and --cache-type-v q8_0")
    if model.engine in ("diffusion", "onnx-images"):
        helps.append("a smaller --max-image-side")
    if model.no_mmap or model.mlock or model.repack == "on":
        helps.append("a mapped file (without --no-mmap, --mlock and --repack on)")
    return [*helps, "a smaller model or quantization"]
