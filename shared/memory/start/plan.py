"""Fits the models that are loaded at the start, before their workers are made.

Each worker gets what it needs, and a fair part of what all of them leave of the budgets. Estimates are not exact, so no
model gets a shorter context, or fewer layers on a GPU, than it would have had without a look at the memory, unless that
does not fit what is really free. What does not fit even so is loaded all the same, with a warning; only what the
devices could never hold ends the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.hub.sizes import rounded_bytes
from shared.memory.fitting import CPU, DoesNotFit, FittedModel, holds
from shared.memory.measured import MeasuredMemory
from shared.memory.placement import context_of
from shared.memory.start.parts import fair_parts
from shared.memory.start.worker import StartWorker
from shared.memory.wording import does_not_fit


@dataclass(frozen=True, slots=True)
class StartDevice:
    """A device, in bytes: the budget of all models, what is free now, and the most that it could ever hold."""

    name: str
    budget_bytes: int
    free_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class StartPlan:
    """The place of each worker by its name, and what an operator should know: one line each."""

    places: Mapping[str, FittedModel]
    warnings: tuple[str, ...] = ()


def plan_start(workers: Sequence[StartWorker], devices: Sequence[StartDevice], measured: MeasuredMemory) -> StartPlan:
    """Fit the workers beside each other. Those of one model get the same context: each may take over for another.

    Raises:
        DoesNotFit: a model that no device could hold, or that has no room beside the others. The message is one line.
    """
    budget = _parts(workers, {device.name: device.budget_bytes for device in devices})
    free = _parts(workers, {device.name: device.free_bytes for device in devices})
    found = {worker.name: _place(worker, budget[worker.name], free[worker.name]) for worker in workers}
    lacking = [worker for worker in workers if found[worker.name] is None and worker.is_fitted]
    warnings = _check(workers, lacking, devices, measured)
    places = _with_equal_contexts(workers, found, budget)
    return StartPlan({name: _as_measured(place, measured) for name, place in places.items()}, warnings)


def _parts(workers: Sequence[StartWorker], sizes: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """The part of each device that each worker may take."""
    parts: dict[str, dict[str, int]] = {worker.name: {} for worker in workers}
    for device, size in sizes.items():
        users = [worker for worker in workers if device in worker.devices]
        needs = [(worker.least.get(device, 0), worker.most.get(device, 0)) for worker in users]
        for worker, part in zip(users, fair_parts(size, needs), strict=True):
            parts[worker.name][device] = part
    return parts


def _place(worker: StartWorker, budget: Mapping[str, int], free: Mapping[str, int]) -> FittedModel | None:
    """The place within the budget, or what the model has anyway if that fits what is free; else the best there is."""
    planned = worker.in_room(budget)
    if worker.shape is None or (planned is not None and not _is_less(planned, worker)):
        return planned
    if holds(free, worker.unfitted.memory):
        return worker.unfitted
    return planned or worker.in_room(free)


def _is_less(place: FittedModel, worker: StartWorker) -> bool:
    """Whether a worker would have more without a look at the memory: tokens in a request, or layers on its GPUs."""
    assert worker.shape is not None
    fewer_layers = place.model.gpu_layers != worker.model.gpu_layers
    shorter = worker.model.context_tokens == 0 and place.model.context_tokens > 0
    return fewer_layers or (shorter and place.model.context_tokens < context_of(worker.shape, worker.model))


def _with_equal_contexts(
    workers: Sequence[StartWorker], found: Mapping[str, FittedModel | None], room: Mapping[str, Mapping[str, int]]
) -> dict[str, FittedModel]:
    """The places, where workers of one model have the context of the one that has the shortest."""
    places: dict[str, FittedModel] = {}
    for worker in workers:
        place = found[worker.name] or worker.unfitted
        beside = [found[other.name] or other.unfitted for other in workers if other.model.name == worker.model.name]
        shortest = min((each.model for each in beside), key=lambda model: _length(worker, model.context_tokens))
        if shortest.context_tokens != place.model.context_tokens:
            changes = {"context_tokens": shortest.context_tokens, "fitted": shortest.fitted}
            group = tuple(name for name in place.memory if name != CPU)
            place = worker.placed(place.model.model_copy(update=changes), group, room[worker.name])
        places[worker.name] = place
    return places


def _length(worker: StartWorker, context_tokens: int) -> int:
    """The length of a context; 0 is the one that a model has without a look at the memory."""
    if context_tokens > 0 or worker.shape is None:
        return context_tokens
    return context_of(worker.shape, worker.model)


def _check(
    workers: Sequence[StartWorker],
    lacking: Sequence[StartWorker],
    devices: Sequence[StartDevice],
    measured: MeasuredMemory,
) -> tuple[str, ...]:
    """Refuse what the devices could never hold; else a warning for each model without a place."""
    if not lacking:
        return ()
    limits = {device.name: device.limit_bytes for device in devices}
    limit_name = "the budget" if all(device.limit_bytes <= device.budget_bytes for device in devices) else "all memory"
    required = {worker.name: _required(worker, measured) for worker in workers}
    for worker in lacking:
        if not holds(limits, required[worker.name]):
            raise DoesNotFit(does_not_fit(worker.model, worker.least_estimate, limits, worker.gpus, limit_name))
    for device, limit in limits.items():
        sizes = [(worker.model.name, required[worker.name].get(device, 0)) for worker in workers]
        if sum(size for _, size in sizes) > limit:
            raise DoesNotFit(_too_many(device, f"{limit_name} is {rounded_bytes(limit)}", sizes))
    budgets = {device.name: device.free_bytes for device in devices}
    lines = {
        worker.model.name: f"{does_not_fit(worker.model, worker.least_estimate, budgets, worker.gpus, 'what is free')};"
        " it is loaded all the same, since that is an estimate"
        for worker in lacking
    }
    return tuple(lines.values())


def _required(worker: StartWorker, measured: MeasuredMemory) -> dict[str, int]:
    known = measured.best(worker.unfitted)
    return {name: min(size, known.get(name, size)) for name, size in worker.required.items()}


def _too_many(device: str, limit: str, sizes: Sequence[tuple[str, int]]) -> str:
    """One line: the workers that have no room beside each other, with the sizes of each, by model."""
    workers = {each: f"{sizes.count(each)} x " if sizes.count(each) > 1 else "" for each in sizes if each[1]}
    parts = ", ".join(f"{name} {times}{rounded_bytes(size)}" for (name, size), times in workers.items())
    needed = rounded_bytes(sum(size for _, size in sizes))
    return (
        f"the models that are loaded at the start need at least {needed} of {device} together ({parts}), and "
        f"{limit}; fewer --workers, a smaller --nctx, or load=demand for some of them would help"
    )


def _as_measured(place: FittedModel, measured: MeasuredMemory) -> FittedModel:
    return FittedModel(measured.best(place), place.model, place.beside_bytes)
