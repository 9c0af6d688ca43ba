"""What the workers of a model ask of a machine."""

from __future__ import annotations

from shared.devices import WorkerNeeds
from shared.engines.onnx.providers import OnnxProvider
from shared.engines.registry import opens_onnx
from shared.settings import ModelSettings


def needs_of(model: ModelSettings) -> WorkerNeeds:
    """The threads and the GPU that each worker of ``model`` asks for."""
    if opens_onnx(model.engine):
        return WorkerNeeds(model.threads, OnnxProvider(model.onnx_provider).needs_cuda)
    return WorkerNeeds(model.threads, use_gpu=model.gpu_layers != 0)
