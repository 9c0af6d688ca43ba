"""The largest context, and the most layers on a GPU, that fit the devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.memory.cells import MAX_DEFAULT_CONTEXT_TOKENS, SLOT_TOKENS, cells_for
from shared.memory.placement import generates, place_text
from shared.memory.shape import TextShape
from shared.settings import ModelSettings

STEP_TOKENS = 256
"""Contexts are multiples of it, as llama.cpp's caches are."""

LEAST_TOKENS = 512
WORTHWHILE_TOKENS = 4096
"""A shorter context is not chosen only to have all layers on a GPU."""


class ContextSearch:
    """The sizes of one model on one device, or on several GPUs: ``group``. ``room`` is what each device can hold."""

    def __init__(self, shape: TextShape, model: ModelSettings, group: tuple[str, ...], room: Mapping[str, int]) -> None:
        self._shape = shape
        self._model = model
        self._group = group
        self._room = room
        self._trained = shape.trained_tokens or MAX_DEFAULT_CONTEXT_TOKENS

    def best(self) -> ModelSettings | None:
        """The settings that fit, with reasons; None if none do."""
        if not self._group:
            model = self._model
            if model.gpu_layers != 0 and len(self._room) > 1:
                model = _with(model, "no GPU can hold a layer of it", gpu_layers=0, gpus=1, tensor_split=())
            return self._sized(model, LEAST_TOKENS)
        wanted = self._model.context_tokens or self._trained
        whole = self._sized(self._model, WORTHWHILE_TOKENS if wanted < 0 else min(wanted, WORTHWHILE_TOKENS))
        return whole or self._partly_on_gpu()

    def least(self) -> ModelSettings:
        """The settings with the smallest context."""
        tokens = self._model.context_tokens
        least = tokens if tokens > 0 else min(self._trained, LEAST_TOKENS)
        return self._model.model_copy(update={"context_tokens": least, "kv_tokens": least})

    def _partly_on_gpu(self) -> ModelSettings | None:
        """As many layers as fit beside a usual context; none of them would be a worker in main memory."""
        tokens = self._model.context_tokens
        context = tokens if tokens > 0 else min(self._trained, MAX_DEFAULT_CONTEXT_TOKENS)
        all_layers = len(self._shape.layers) + 1
        most = all_layers if self._model.gpu_layers < 0 else min(self._model.gpu_layers, all_layers)

        def with_layers(count: int) -> ModelSettings:
            return self._model.model_copy(update={"gpu_layers": count, "context_tokens": context})

        count = _largest(0, most - 1, 1, lambda count: self._holds(with_layers(count)))
        if not count:
            return None
        why = f"{count} of {all_layers} layers fit {','.join(self._group)} beside a context of {context} tokens"
        return _with(with_layers(count), why)

    def _sized(self, model: ModelSettings, least: int) -> ModelSettings | None:
        """The model with the context that fits, of at least so many tokens."""
        if not self._shape.has_cache or not generates(model):
            return model if self._holds(model) else None
        if model.context_tokens > 0:
            return self._with_cells(model)
        usual = min(self._trained, MAX_DEFAULT_CONTEXT_TOKENS, SLOT_TOKENS * model.slots)
        requests = 1 if model.context_tokens < 0 else 2
        context = self._largest_context(model, requests)
        if requests == 2 and context < usual:  # what the slots have anyway is enough for one
            for_one = min(usual, self._largest_context(model, 1))
            context, requests = max((context, 2), (for_one, 1))
        if context < min(least, self._trained):
            return None
        return self._with_cells(_with(model, self._why(context, requests), context_tokens=context))

    def _largest_context(self, model: ModelSettings, requests: int) -> int:
        def fits(context: int) -> bool:
            return self._holds(model, requests * context)

        if fits(self._trained):
            return self._trained
        return _largest(0, self._trained // STEP_TOKENS * STEP_TOKENS, STEP_TOKENS, fits)

    def _with_cells(self, model: ModelSettings) -> ModelSettings | None:
        """The model with as many cells for its slots as fit, at least those of one context."""
        context = model.context_tokens
        usual = cells_for(context, model.slots, model.kv_tokens)
        if self._holds(model, usual):
            return model
        cells = _largest(context, usual, STEP_TOKENS, lambda cells: self._holds(model, cells))
        if not self._holds(model, cells):
            return None
        return _with(model, f"a KV cache of {cells} tokens fits for {model.slots} slots, not {usual}", kv_tokens=cells)

    def _why(self, context: int, requests: int) -> str:
        where = ",".join(self._group) or "cpu"
        if context == self._trained:
            return f"context of {context} tokens, as trained"
        number = "the largest of which two fit" if requests == 2 else "the largest that fits"
        return f"context of {context} tokens, {number} {where}, of {self._trained} trained"

    def _holds(self, model: ModelSettings, cells: int = 0) -> bool:
        shares = [float(self._room.get(name, 0)) for name in self._group]
        placed = place_text(self._shape, model, len(self._group), shares, cells)
        sizes = {"cpu": placed.host_bytes, **dict(zip(self._group, placed.device_bytes, strict=True))}
        return all(size <= self._room.get(name, 0) for name, size in sizes.items())


def _with(model: ModelSettings, why: str, **changes: Any) -> ModelSettings:
    return model.model_copy(update={**changes, "fitted": (*model.fitted, why)})


def _largest(low: int, high: int, step: int, fits: Callable[[int], bool]) -> int:
    """The largest of ``low``, ``low + step``, … up to ``high`` that fits; ``low`` if none does."""
    first, last = 0, max(0, (high - low) // step)
    while first < last:
        middle = (first + last + 1) // 2
        if fits(low + middle * step):
            first = middle
        else:
            last = middle - 1
    return low + first * step
