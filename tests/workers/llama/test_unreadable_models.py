"""Model files that llama.cpp refuses: the error has its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.models.gguf_builder import build_gguf
from workers.engine import EngineLoadError
from workers.llama.native.model import LlamaModel


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": "brandnew"}))
    with pytest.raises(EngineLoadError, match="unknown model architecture: 'brandnew'"):
        LlamaModel(str(path), 0, lambda fraction: None)
