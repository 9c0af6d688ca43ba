"""A draft model counts for the memory of its model."""

from __future__ import annotations

import pytest

from shared.memory.estimate import estimate
from shared.settings import ModelSettings


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
