"""The workers that start with the server: their devices, and their models fitted to the memory of these."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from shared.devices import DeviceAssignment, assign
from shared.engines.registry import opens_onnx
from shared.memory.fitting import CPU, FittedModel
from shared.memory.measured import FILE_NAME, MeasuredMemory
from shared.memory.start.plan import StartDevice, plan_start
from shared.memory.start.worker import StartWorker
from shared.settings import ModelSettings, ServerSettings
from workers.supervisor.placing.budgets import DeviceRoom
from workers.supervisor.placing.needs import needs_of, worker_names

_GPU_LIBRARIES = ("*ggml-vulkan*", "*ggml-metal*", "*ggml-hip*", "*ggml-sycl*")
"""Of llama.cpp, for GPUs whose memory only it knows."""

log = logging.getLogger("nexa.memory")


@dataclass(frozen=True, slots=True)
class Start:
    """What starts with the server. ``settings`` have the models as they were fitted.

    ``assignments`` and ``places`` are those of the workers, by name.
    """

    settings: ServerSettings
    assignments: Mapping[str, DeviceAssignment]
    places: Mapping[str, FittedModel]


def fit_start(settings: ServerSettings, rooms: Sequence[DeviceRoom]) -> Start:
    """Assign devices, and fit the models to them.

    Raises:
        DoesNotFit: a model that the machine can never hold, or that is beyond the given budget.
    """
    models = {name: model for model in settings.models if model.load == "start" for name in worker_names(model)}
    assignments = dict(zip(models, assign([needs_of(model) for model in models.values()]), strict=True))
    known = {room.device for room in rooms}
    unseen = known == {CPU} and _sees_other_gpus()
    workers = [
        StartWorker(
            name,
            model,
            tuple(gpu for gpu in assignments[name].devices if gpu in known),
            is_fitted=not (unseen and model.gpu_layers and not opens_onnx(model.engine)),
        )
        for name, model in models.items()
    ]
    measured = MeasuredMemory(Path(settings.state_folder) / FILE_NAME if settings.state_folder else None)
    plan = plan_start(workers, [_start_device(room) for room in rooms], measured)
    for warning in plan.warnings:
        log.warning("a model may find too little memory: %s", warning)
    return Start(_with_fitted(settings, plan.places), assignments, plan.places)


def as_order(place: FittedModel) -> tuple[bytes, dict[str, int]]:
    """The settings of a worker as JSON, and its memory by device, as in an order to load."""
    return json.dumps(place.model.model_dump()).encode(), dict(place.memory)


def _with_fitted(settings: ServerSettings, places: Mapping[str, FittedModel]) -> ServerSettings:
    """The settings with each model as its first worker has it."""
    models = tuple(_fitted(model, places) for model in settings.models)
    return settings.model_copy(update={"models": models})


def _fitted(model: ModelSettings, places: Mapping[str, FittedModel]) -> ModelSettings:
    names = worker_names(model) if model.load == "start" else []
    return places[names[0]].model if names else model


def _start_device(room: DeviceRoom) -> StartDevice:
    if room.is_given:
        return StartDevice(room.device, room.budget_bytes, room.budget_bytes, room.budget_bytes)
    swap_bytes = int(psutil.swap_memory().total) if room.device == CPU else 0
    return StartDevice(room.device, room.budget_bytes, room.free_bytes, room.total_bytes + swap_bytes)


def _sees_other_gpus() -> bool:
    """Whether llama.cpp may find GPUs that NVIDIA's driver does not show."""
    package = importlib.util.find_spec("llama_cpp")
    if package is None or package.origin is None or os.environ.get("GGML_VK_VISIBLE_DEVICES") == "":
        return False
    folder = Path(package.origin).parent / "lib"
    return any(file for pattern in _GPU_LIBRARIES for file in folder.glob(pattern))
