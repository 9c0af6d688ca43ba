"""Providers of models whose texts onnxruntime-genai computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.engines.onnx.providers import OnnxProvider
from workers.engine import EngineLoadError
from workers.onnx.text.decoding import generators


@pytest.mark.parametrize(
    ("provider", "package"),
    [
        (OnnxProvider.CUDA, "onnxruntime-gpu"),
        (OnnxProvider.OPENVINO, "onnxruntime-openvino"),
        (OnnxProvider.DIRECTML, "onnxruntime-directml"),
    ],
)
def test_a_provider_that_is_not_installed_names_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, provider: OnnxProvider, package: str
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(EngineLoadError, match=f"^onnx_provider: expected cpu, .*, got {provider}; .*{package}"):
        generators.load_model(tmp_path, provider, 1)


def test_a_gpu_needs_the_right_package_of_onnxruntime_genai_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(generators, "check_provider", lambda _provider: None)
    with pytest.raises(EngineLoadError, match=r"; if its package lacks cuda, onnxruntime-genai-cuda has it$"):
        generators.load_model(tmp_path, OnnxProvider.CUDA, 1)
