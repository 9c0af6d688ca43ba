"""The options passed to llama.cpp if it can use a GPU. The model itself is loaded on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from shared.settings.placement import LlamaCppOptions
from workers.engine import EngineInfo
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions


@pytest.fixture
def asked_layers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of GPU layers of each model load."""
    asked: list[int] = []
    load = llama_cpp.llama_model_load_from_file

    def load_and_note(path: bytes, params: Any) -> Any:
        asked.append(params.n_gpu_layers)
        return load(path, params)

    monkeypatch.setattr(llama_cpp, "llama_model_load_from_file", load_and_note)
    return asked


@contextmanager
def loaded(model_path: Path, gpu_layers: int) -> Iterator[tuple[LlamaEngine, EngineInfo]]:
    native = LlamaCppOptions(gpu_layers=gpu_layers)
    options = LlamaOptions(str(model_path), threads=2, slots=2, context_tokens=256, native=native)
    engine = LlamaEngine(options)
    info = engine.load(lambda fraction: None)
    try:
        yield engine, info
    finally:
        engine.close()


@pytest.mark.parametrize("layers", [-1, 7])
def test_with_a_gpu_the_layers_are_on_it_and_ended_chats_stay_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, model_path: Path, asked_layers: list[int], layers: int
) -> None:
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: True)
    with loaded(model_path, layers) as (engine, info):
        assert asked_layers == [layers]
        assert info.device is None  # that of the worker
        assert engine._cache._kept_cells == engine._cache.total_cells
        assert engine._scheduler._separate_from_cells > engine._cache.total_cells
        assert engine._copy_costs is not None


@pytest.mark.parametrize(("offload", "layers"), [(False, -1), (False, 7), (True, 0)])
def test_without_a_gpu_or_gpu_layers_the_cpu_options_apply(
    monkeypatch: pytest.MonkeyPatch, model_path: Path, asked_layers: list[int], offload: bool, layers: int
) -> None:
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: offload)
    with loaded(model_path, layers) as (engine, info):
        assert asked_layers == [0]
        assert info.device == "cpu"
        assert engine._cache._kept_cells == engine._options.kept_tokens
        assert engine._scheduler._separate_from_cells == engine._options.separate_from_tokens
        assert engine._copy_costs is None
