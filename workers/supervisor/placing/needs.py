"""What the workers of a model ask of a machine."""

from __future__ import annotations

from shared.devices import WorkerNeeds
from shared.engines.onnx.providers import OnnxProvider
from shared.engines.registry import can_split, opens_onnx
from shared.settings import ModelSettings


def needs_of(model: ModelSettings) -> WorkerNeeds:
    """The threads and the GPUs that each worker of ``model`` asks for."""
    if opens_onnx(model.engine):
        return WorkerNeeds(model.threads, int(OnnxProvider(model.onnx_provider).needs_cuda))
    if model.gpu_layers == 0:
        return WorkerNeeds(model.threads, 0)
    return WorkerNeeds(model.threads, model.gpus if can_split(model.engine) else 1)


def worker_names(model: ModelSettings) -> list[str]:
    """The names of a model's workers."""
    return [f"{model.name}/{n}" for n in range(model.workers)]
