"""The model beside which others count."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings
from tests.support.models.gguf_builder import Value, build_gguf


@pytest.fixture
def alone(tmp_path: Path) -> ModelSettings:
    """A text model of one layer, without a draft model or a projector."""
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "llama.context_length": 4096,
        "llama.embedding_length": 512,
        "llama.attention.head_count": 8,
    }
    names = ("attn_q", "attn_k", "attn_v", "attn_output")
    path = tmp_path / "model.gguf"
    path.write_bytes(build_gguf(metadata, tensors=[(f"blk.0.{name}.weight", (512, 512)) for name in names]))
    return ModelSettings(name="m", kinds=(JobKind.TEXT,), engine="llama", path=str(path), cache_bytes=0)
