"""A draft model counts for the memory of its model."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.kinds import JobKind
from shared.memory.estimate import estimate
from shared.settings import ModelSettings
from tests.support.models.gguf_builder import build_gguf


@pytest.fixture
def alone(tmp_path: Path) -> ModelSettings:
    metadata: dict[str, str | int] = {
        "general.architecture": "llama",
        "llama.context_length": 4096,
        "llama.embedding_length": 512,
        "llama.attention.head_count": 8,
    }
    names = ("attn_q", "attn_k", "attn_v", "attn_output")
    path = tmp_path / "model.gguf"
    path.write_bytes(build_gguf({**metadata}, tensors=[(f"blk.0.{name}.weight", (512, 512)) for name in names]))
    return ModelSettings(name="m", kinds=(JobKind.TEXT,), engine="llama", path=str(path), cache_bytes=0)


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_draft_model_adds_its_weights_and_its_cache(alone: ModelSettings, gpus: int) -> None:
    both = alone.model_copy(update={"draft": alone.path})
    one, two = estimate(alone, gpus), estimate(both, gpus)
    assert one.notes == two.notes == ()
    assert one.weights_bytes > 0
    assert one.kv_bytes > 0
    assert two.weights_bytes == 2 * one.weights_bytes
    assert two.kv_bytes == 2 * one.kv_bytes
    assert two.total_bytes - one.total_bytes >= one.weights_bytes + one.kv_bytes
    assert two.beside_bytes == one.beside_bytes


def test_a_draft_model_is_whole_on_the_gpu_beside_a_model_that_is_not(alone: ModelSettings) -> None:
    split = alone.model_copy(update={"gpu_layers": 1})
    one, two = estimate(split, 1), estimate(split.model_copy(update={"draft": alone.path}), 1)
    assert two.device_bytes[0] - one.device_bytes[0] >= one.weights_bytes + one.kv_bytes


def test_a_draft_model_that_is_not_loaded_takes_nothing(alone: ModelSettings) -> None:
    off = alone.model_copy(update={"draft": alone.path, "speculate": "off"})
    assert estimate(off) == estimate(alone)
    gone = alone.model_copy(update={"draft": "gone.gguf"})
    assert estimate(gone) == estimate(alone)
