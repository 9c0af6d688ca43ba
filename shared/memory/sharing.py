"""Fits several models to the same devices: those that are loaded at the start must have room beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.memory.estimate import estimate
from shared.memory.fitting import CPU, DeviceMemory, DoesNotFit, FittedModel, fit, memory_on
from shared.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class FitTogether:
    """What became of each model, by its name: its places, or why it has none."""

    places: Mapping[str, tuple[FittedModel, ...]]
    problems: Mapping[str, DoesNotFit]


def fit_together(models: Sequence[ModelSettings], budgets: Mapping[str, DeviceMemory]) -> FitTogether:
    """Fit all models of a server.

    Models that are loaded on demand may take a whole device, since others leave for them. Of those that are loaded at
    the start, each may take what it needs with a usual context, and its part of what all of them leave. One that does
    not fit beside the others gets the whole device as well: then some of them will leave for others.
    """
    starting = [model for model in models if model.load == "start"]
    pools = (_Pool((CPU,), budgets), _Pool(tuple(name for name in budgets if name != CPU), budgets))
    usual = {model.name: _usual(model, pools[1].devices) for model in starting}
    for model in starting:
        for pool in pools:
            pool.add(model.workers, usual[model.name])
    places: dict[str, tuple[FittedModel, ...]] = {}
    problems: dict[str, DoesNotFit] = {}
    for model in models:
        parts = [pool.part(usual[model.name]) if model.name in usual else pool.budgets for pool in pools]
        try:
            places[model.name] = _fit(model, parts[0] | parts[1], budgets)
        except DoesNotFit as error:
            problems[model.name] = error
    return FitTogether(places, problems)


def _fit(
    model: ModelSettings, own: Mapping[str, DeviceMemory], budgets: Mapping[str, DeviceMemory]
) -> tuple[FittedModel, ...]:
    try:
        return fit(model, own)
    except DoesNotFit:
        return fit(model, budgets)


def _usual(model: ModelSettings, gpus: tuple[str, ...]) -> dict[str, int]:
    """What a worker takes of each device with a usual context."""
    group = gpus[: model.gpus] if model.gpu_layers else ()
    return memory_on(estimate(model, len(group)), group)


class _Pool:
    """Devices over which workers are spread evenly."""

    def __init__(self, devices: tuple[str, ...], budgets: Mapping[str, DeviceMemory]) -> None:
        self.devices = devices
        self.budgets = {name: budgets[name] for name in devices}
        self._left_bytes = sum(device.budget_bytes for device in self.budgets.values())
        self._workers = 0

    def add(self, workers: int, usual: Mapping[str, int]) -> None:
        """Count workers of a model that is loaded at the start."""
        self._workers += workers
        self._left_bytes -= workers * self._sum(usual)

    def part(self, usual: Mapping[str, int]) -> dict[str, DeviceMemory]:
        """What one worker may take of each device: what it usually takes, and its part of what is left."""
        spare = max(0, self._left_bytes) // max(1, self._workers)
        most = max((usual.get(name, 0) for name in self.devices), default=0) + spare
        return {
            name: replace(device, budget_bytes=min(device.budget_bytes, most)) for name, device in self.budgets.items()
        }

    def _sum(self, usual: Mapping[str, int]) -> int:
        return sum(usual.get(name, 0) for name in self.devices)
