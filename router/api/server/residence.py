"""Where a model is loaded, since when and for how long, and what it takes: the same in all answers about models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from router.jobs.broker import Broker
from router.jobs.residency.plan import UnloadCause
from router.jobs.workers.model_state import ModelState, StateOfModel, state_of
from router.jobs.workers.rows import WorkerRow
from router.schemas.server.status import DeviceMemoryObject
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerState


@dataclass(frozen=True, slots=True)
class Residence:
    """A model's place in memory. :class:`~router.schemas.server.status.ModelStatus` says what the fields mean."""

    load: str
    pin: bool
    devices: list[str]
    loaded_at: int | None
    memory_bytes: int | None
    measured_memory_bytes: int | None
    unload_reason: UnloadCause | None
    unloads_in_s: float | None
    retry_in_s: float | None


def residence_of(broker: Broker, model: ModelSettings, rows: Sequence[WorkerRow]) -> Residence:
    """The residence of a model with these workers."""
    residency = broker.residency
    ready = [row for row in rows if row.state == WorkerState.READY]
    here = [row for row in rows if row.pid is not None]
    leaves_in_s = residency.leaves_in_s(model) if ready else None
    retry_in_s = residency.retry_in_s(model.name)
    return Residence(
        load=model.load,
        pin=model.pin,
        devices=list(dict.fromkeys(name for row in here for name in (row.device or "").split(",") if name)),
        loaded_at=min((row.loaded_at for row in ready if row.loaded_at is not None), default=None),
        memory_bytes=_needed_bytes(broker, model, rows),
        measured_memory_bytes=sum(_sum(row.measured_memory_bytes) for row in here) or None,
        unload_reason=None if ready else residency.record.last_unload.get(model.name),
        unloads_in_s=None if leaves_in_s is None else round(leaves_in_s, 1),
        retry_in_s=None if retry_in_s is None else round(retry_in_s, 1),
    )


def told_state(broker: Broker, model: ModelSettings, rows: Sequence[WorkerRow]) -> StateOfModel:
    """The state of a model with these workers. An unloaded one tells too why its last load failed, if it did."""
    state = state_of(model, rows, broker.hopeless(model.name))
    if state.state is ModelState.UNLOADED:
        return state._replace(reason=broker.residency.failure(model.name))
    return state


def device_memory(broker: Broker) -> list[DeviceMemoryObject]:
    """The memory of each device that models may take together, and what they take of it."""
    rows = broker.workers()
    return [
        DeviceMemoryObject(
            device=budget.device,
            budget_bytes=budget.budget_bytes,
            total_bytes=budget.total_bytes,
            planned_bytes=_on(budget.device, (row.planned_memory_bytes for row in rows)),
            measured_bytes=_on(budget.device, (row.measured_memory_bytes for row in rows)),
        )
        for budget in broker.budgets
    ]


def _needed_bytes(broker: Broker, model: ModelSettings, rows: Iterable[WorkerRow]) -> int | None:
    """What one worker needs, on all devices: as planned for one that is there, else where it would go first."""
    planned = next((_sum(row.planned_memory_bytes) for row in rows if row.planned_memory_bytes), None)
    needs = broker.residency.needs_of(model.name)
    return planned if planned or needs is None or not needs.choices else _sum(needs.choices[0][0])


def _on(device: str, memories: Iterable[Mapping[str, int]]) -> int:
    return sum(memory.get(device, 0) for memory in memories)


def _sum(memory: Mapping[str, int]) -> int:
    return sum(memory.values())
