"""Fits a model to the devices: where a worker may go, and the sizes that nobody asked for.

``context_tokens`` 0 becomes the trained length if the KV cache of two such requests fits, else the largest that does;
``max`` becomes the largest of which one fits. A GPU that is too small for all layers gets as many as it can hold. What
was chosen, and why, is in the settings' ``fitted``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import ModelError
from shared.memory.contexts import ContextSearch
from shared.memory.estimate import Estimate, estimate, of_placed
from shared.memory.placement import place_text
from shared.memory.shape import TextShape, read_shape
from shared.memory.wording import does_not_fit
from shared.settings import ModelSettings

CPU = "cpu"
MAX_CHOICES = 32
"""Combinations of GPUs that are looked at."""

TEXT_ENGINES = ("llama", "embedding")
_GPU_ENGINES = (*TEXT_ENGINES, "whisper", "diffusion", "echo")


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """The memory of one device that models may take together, and all that it has, in bytes."""

    device: str
    budget_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class FittedModel:
    """One place for a worker: what it takes of which device, in bytes, and the model's settings there.

    ``beside_bytes`` are those of main memory that processes beside the worker take.
    """

    memory: Mapping[str, int]
    model: ModelSettings
    beside_bytes: int = 0


class DoesNotFit(ModelError):
    """A model that no device can hold. The message is one line: the figures, and what would help."""


def fit(model: ModelSettings, budgets: Mapping[str, DeviceMemory]) -> tuple[FittedModel, ...]:
    """Where a worker of this model may go, best first: on the GPUs with the most memory, else in main memory.

    ``budgets`` are those of the devices by name, ``cpu`` among them. It reads the headers of the model's files.

    Raises:
        DoesNotFit: no device can hold it.
    """
    room = {name: device.budget_bytes for name, device in budgets.items()}
    shape = shape_of_model(model)
    groups = _gpu_groups(model, room)
    found = [place for group in groups for place in _on(shape, model, group, room)]
    if not found:
        found = list(_on(shape, model, (), room))
    if not found:
        raise DoesNotFit(does_not_fit(model, _least(shape, model), room, groups[0] if groups else ()))
    whole = [place for place in found if place.model.gpu_layers == model.gpu_layers]
    return tuple(whole + [place for place in found if place.model.gpu_layers != model.gpu_layers])


def shape_of_model(model: ModelSettings) -> TextShape | None:
    """The shape of a text model; None for others, and for files that cannot be read, which fail when they load."""
    if model.engine not in TEXT_ENGINES:
        return None
    try:
        return read_shape(model.path)
    except (ModelError, OSError, ValueError):
        return None


def _gpu_groups(model: ModelSettings, room: Mapping[str, int]) -> list[tuple[str, ...]]:
    """The GPUs that a worker may have together, those with the most memory first."""
    gpus = sorted((name for name in room if name != CPU), key=lambda name: (-room[name], name))
    uses_gpu = model.engine in _GPU_ENGINES or model.onnx_provider.startswith("cuda")
    if not gpus or not uses_gpu or model.gpu_layers == 0:
        return []
    count = model.gpus if model.engine in TEXT_ENGINES else 1
    return list(itertools.islice(itertools.combinations(gpus, min(count, len(gpus))), MAX_CHOICES))


def _on(
    shape: TextShape | None, model: ModelSettings, group: tuple[str, ...], room: Mapping[str, int]
) -> list[FittedModel]:
    """A place on these GPUs, or in main memory, if the model fits there."""
    if shape is None:
        memory = memory_on(estimate(model, len(group)), group)
        return [FittedModel(memory, model)] if holds(room, memory) else []
    search = ContextSearch(shape, model, group, room)
    fitted = search.best()
    if fitted is None:
        return []
    shares = [float(room[name]) for name in group]
    placed = place_text(shape, fitted, len(group), shares)
    return [FittedModel(memory_on(of_placed(placed), group), fitted, placed.beside_bytes)]


def memory_on(found: Estimate, group: tuple[str, ...]) -> dict[str, int]:
    """An estimate by the names of the devices."""
    return {CPU: found.host_bytes, **dict(zip(group, found.device_bytes, strict=False))}


def holds(room: Mapping[str, int], memory: Mapping[str, int]) -> bool:
    """Whether this room is enough for it on all devices."""
    return all(size <= room.get(name, 0) for name, size in memory.items())


def _least(shape: TextShape | None, model: ModelSettings) -> Estimate:
    """What the model takes with the smallest context that it would get."""
    if shape is None:
        return estimate(model)
    return of_placed(place_text(shape, ContextSearch(shape, model, (), {}).least()))
