"""What is said about a model that does not fit."""

from __future__ import annotations

from collections.abc import Mapping

from shared.memory.cells import SLOT_TOKENS
from shared.memory.estimate import Estimate
from shared.settings import ModelSettings

_GIGA = 1e9
_HALVES = ("f16", "bf16", "f32")


def gigabytes(size: float) -> str:
    """A size for people, as in ``43.1 GB``."""
    return f"{size / _GIGA:.1f} GB"


def does_not_fit(model: ModelSettings, least: Estimate, room: Mapping[str, int], gpus: tuple[str, ...]) -> str:
    """One line: what a model needs, what the devices have, and what would help."""
    parts = [f"weights {gigabytes(least.weights_bytes)}"]
    if least.kv_bytes:
        parts.append(f"KV cache {gigabytes(least.kv_bytes)} for {least.cells} tokens")
    parts.append(f"the rest {gigabytes(least.rest_bytes)}")
    budgets = " and ".join(f"that of {name} {gigabytes(room.get(name, 0))}" for name in ("cpu", *gpus))
    needs = f"{model.name}: needs about {gigabytes(least.total_bytes)} ({', '.join(parts)})"
    return f"{needs}, and the budget is {budgets.removeprefix('that of ')}; {_help(model, least)} would help"


def _help(model: ModelSettings, least: Estimate) -> str:
    """The options that make it smaller, the most useful first."""
    helps = []
    if least.kv_bytes and model.context_tokens:
        helps.append("a smaller --nctx")
    if least.kv_bytes and model.slots > 1 and least.cells == SLOT_TOKENS * model.slots:
        helps.append("fewer --slots")
    if least.kv_bytes > least.weights_bytes // 20 and {model.cache_type_k, model.cache_type_v} & set(_HALVES):
        helps.append("--cache-type-k q8_0 and --cache-type-v q8_0")
    if model.engine in ("diffusion", "onnx-images"):
        helps.append("a smaller --max-image-side")
    helps.append("a smaller model or quantization")
    helps.append("a larger --memory-budget")
    return ", ".join(helps[:-1]) + f" or {helps[-1]}"
