"""Model files that llama.cpp refuses, or that name no context: the error has its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.models.gguf_builder import build_gguf
from workers.engine import EngineLoadError
from workers.llama.native.model import LlamaModel
from workers.llama.options import MAX_DEFAULT_CONTEXT_TOKENS, LlamaOptions


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": "brandnew"}))
    with pytest.raises(EngineLoadError, match="unknown model architecture: 'brandnew'"):
        LlamaModel(str(path), 0, lambda fraction: None)


@pytest.mark.parametrize(
    ("given", "trained", "context"),
    [(0, 2048, 2048), (0, 1 << 20, MAX_DEFAULT_CONTEXT_TOKENS), (512, 2048, 512), (512, 0, 512), (512, -1, 512)],
)
def test_the_context_is_the_given_one_or_the_models(given: int, trained: int, context: int) -> None:
    assert LlamaOptions(path="m.gguf", threads=1, slots=1, context_tokens=given).context_for(trained) == context


@pytest.mark.parametrize("trained", [0, -1])
def test_a_file_without_a_context_needs_one(trained: int) -> None:
    message = f"^--nctx is required: expected a context_length of at least 1 in the file, got {trained}$"
    with pytest.raises(EngineLoadError, match=message):
        LlamaOptions(path="m.gguf", threads=1, slots=1).context_for(trained)
