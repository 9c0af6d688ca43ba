"""Model files that llama.cpp refuses, or that name no context: the error has its reason."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.memory.cells import MAX_DEFAULT_CONTEXT_TOKENS
from shared.settings.placement import LlamaCppOptions
from tests.support.models.gguf_builder import build_gguf
from workers.engine import EngineLoadError
from workers.llama.native import log
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": "brandnew"}))
    with pytest.raises(EngineLoadError, match="unknown model architecture: 'brandnew'"):
        LlamaModel(str(path), LlamaCppOptions(gpu_layers=0), lambda fraction: None)


@pytest.mark.parametrize(
    ("given", "trained", "context"),
    [
        (0, 2048, 2048),
        (-1, 1 << 20, 1 << 20),
        (0, 1 << 20, MAX_DEFAULT_CONTEXT_TOKENS),
        (512, 2048, 512),
        (512, 0, 512),
        (512, -1, 512),
    ],
)
def test_the_context_is_the_given_one_or_the_models(given: int, trained: int, context: int) -> None:
    assert LlamaOptions(path="m.gguf", threads=1, slots=1, context_tokens=given).context_for(trained) == context


@pytest.mark.parametrize(("given", "warned"), [(512, False), (2048, False), (2049, True)])
def test_more_context_than_the_model_was_trained_with_is_warned_of(
    given: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert LlamaOptions(path="m.gguf", threads=1, slots=1, context_tokens=given).context_for(2048) == given
    assert ("--nctx: expected at most 2048" in caplog.text) == warned


@pytest.mark.parametrize("trained", [0, -1])
def test_a_file_without_a_context_needs_one(trained: int) -> None:
    message = f"^--nctx is required: expected a context_length of at least 1 in the file, got {trained}$"
    with pytest.raises(EngineLoadError, match=message):
        LlamaOptions(path="m.gguf", threads=1, slots=1).context_for(trained)


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has llama.cpp log an error."""
    monkeypatch.setattr(log, "_last_error", "")
    return lambda text: log._on_message(log.LEVEL_ERROR, f"{text}\n".encode(), ctypes.c_void_p(0))


def test_a_model_without_room_is_not_called_unreadable(
    monkeypatch: pytest.MonkeyPatch, say: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    def load(path: bytes, params: object) -> None:
        say("llama_model_load: error loading model: unable to allocate CUDA0 buffer")
        say("llama_model_load_from_file_impl: failed to load model")

    monkeypatch.setattr("llama_cpp.llama_model_load_from_file", load)
    with pytest.raises(EngineLoadError, match=r"^not enough memory for the model; .*unable to allocate CUDA0 buffer$"):
        LlamaModel("m.gguf", LlamaCppOptions(gpu_layers=0), lambda fraction: None)
    assert caplog.records == []  # the error is told once


def test_errors_of_a_load_that_goes_well_are_logged(
    caplog: pytest.LogCaptureFixture, say: Callable[[str], None]
) -> None:
    with log.held_back():
        say("ggml_cuda_init: failed to initialize CUDA: driver too old")
        assert caplog.records == []
    say("later")
    assert [record.getMessage() for record in caplog.records] == [
        "llama.cpp: ggml_cuda_init: failed to initialize CUDA: driver too old",
        "llama.cpp: later",
    ]


def test_that_a_process_sees_no_gpu_is_no_error(caplog: pytest.LogCaptureFixture, say: Callable[[str], None]) -> None:
    say("ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected")
    assert (caplog.records, log.with_last_error("refused")) == ([], "refused")
    say("ggml_cuda_init: failed to initialize CUDA: driver too old")
    assert log.with_last_error("refused") == "refused: ggml_cuda_init: failed to initialize CUDA: driver too old"
