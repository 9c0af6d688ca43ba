"""Execution providers: what computes ONNX models, by the names that users give them."""

from __future__ import annotations

from enum import StrEnum


class OnnxProvider(StrEnum):
    """An execution provider of onnxruntime. Its usual package only has the one for the CPU."""

    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"
    DIRECTML = "directml"
    OPENVINO = "openvino"

    @property
    def needs_cuda(self) -> bool:
        """Whether it computes on a GPU of NVIDIA, which the worker then needs."""
        return self in (OnnxProvider.CUDA, OnnxProvider.TENSORRT)
