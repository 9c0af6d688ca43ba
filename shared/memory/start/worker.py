"""A worker that starts with the server, and what it takes of each device: at least, at most, and as it was before."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shared.memory.contexts import ContextSearch
from shared.memory.estimate import Estimate, estimate, of_placed
from shared.memory.files import files_stamp
from shared.memory.fitting import CPU, FittedModel, holds, memory_on, shape_of_model
from shared.memory.placement import Placed, context_of, generates, place_text
from shared.memory.shape import TextShape
from shared.settings import ModelSettings


@dataclass(frozen=True)
class StartWorker:
    """One worker of ``model``; ``gpus`` are those that it was assigned, none for the CPU.

    Without ``is_fitted`` it stays as it is, since the memory of what it runs on is not known.
    """

    name: str
    model: ModelSettings
    gpus: tuple[str, ...] = ()
    is_fitted: bool = True

    @cached_property
    def shape(self) -> TextShape | None:
        """Its shape, if it is a text model that can be read."""
        return _shape_of(self.model, files_stamp(self.model)) if self.is_fitted else None

    @property
    def devices(self) -> tuple[str, ...]:
        """All devices of which it takes memory."""
        return (CPU, *self.gpus)

    @cached_property
    def unfitted(self) -> FittedModel:
        """Its place with the sizes that it has without any look at the memory."""
        model = self.model
        if self.shape is not None and not model.context_tokens and generates(model):
            why = f"context of {context_of(self.shape, model)} tokens, the usual one"
            model = model.model_copy(update={"fitted": (why,)})
        return self.placed(model, self.gpus)

    @cached_property
    def least_estimate(self) -> Estimate:
        """What it takes with the smallest context that it would get, and what that consists of."""
        if self.shape is None:
            return estimate(self.model, len(self.gpus))
        model = ContextSearch(self.shape, self.model, self.gpus, {}).least()
        return of_placed(self._parts(model, self.gpus, None))

    @cached_property
    def least(self) -> Mapping[str, int]:
        """The same by device."""
        return memory_on(self.least_estimate, self.gpus)

    @cached_property
    def most(self) -> Mapping[str, int]:
        """What it can use: with the context that it would get of endless memory, and on the CPU all layers."""
        if self.shape is None or not self.shape.has_cache or not generates(self.model):
            return self.unfitted.memory
        endless = dict.fromkeys(self.devices, 1 << 60)
        memory = dict(self.least)
        for group in dict.fromkeys((self.gpus, ())):
            best = ContextSearch(self.shape, self.model, group, endless).best() or self.model
            requests = 2 if self.model.context_tokens == 0 else 1
            cells = requests * context_of(self.shape, best)
            placed = place_text(self.shape, best, len(group), (), max(cells, best.kv_tokens))
            for device, size in memory_on(of_placed(placed), group).items():
                memory[device] = max(memory[device], size)
        return memory

    def placed(
        self, model: ModelSettings, group: tuple[str, ...], room: Mapping[str, int] | None = None
    ) -> FittedModel:
        """Its place with these settings on these GPUs, whose shares go by their room."""
        if self.shape is None:
            return FittedModel(memory_on(estimate(model, len(group)), group), model)
        found = self._parts(model, group, room)
        return FittedModel(memory_on(of_placed(found), group), model, found.beside_bytes)

    def in_room(self, room: Mapping[str, int]) -> FittedModel | None:
        """The best place within this room, of a text model also in main memory; None if there is none."""
        if self.shape is None:
            return self.unfitted if holds(room, self.unfitted.memory) else None
        for group in dict.fromkeys((self.gpus, ())):
            model = ContextSearch(self.shape, self.model, group, room).best()
            place = self.placed(model, group, room) if model is not None else None
            if place is not None and holds(room, place.memory):
                return place
        return None

    @cached_property
    def required(self) -> Mapping[str, int]:
        """What it cannot do without in any case: the least, but for what the system may drop and what fills later."""
        if not self.is_fitted:
            return {}
        if self.shape is None:
            found = estimate(self.model, len(self.gpus))
            device = self.devices[-1]
            memory = memory_on(found, self.gpus)
            return memory | {device: max(0, memory[device] - found.later_bytes)}
        parts = self._parts(ContextSearch(self.shape, self.model, (), {}).least(), (), None)  # GPUs only help
        spared_bytes = parts.later_bytes + parts.mapped_bytes + parts.host_buffer_bytes
        return {CPU: max(0, parts.host_bytes - spared_bytes)}

    def _parts(self, model: ModelSettings, group: tuple[str, ...], room: Mapping[str, int] | None) -> Placed:
        assert self.shape is not None
        shares = [float(room.get(name, 0)) for name in group] if room else []
        return place_text(self.shape, model, len(group), shares)


@functools.lru_cache(maxsize=64)
def _shape_of(model: ModelSettings, _stamp: tuple[int, ...]) -> TextShape | None:
    """The shape of a model's files as they are now; all workers of a model share it."""
    return shape_of_model(model)
