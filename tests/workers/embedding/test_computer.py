"""Contexts of llama.cpp: an input that is computed in several parts gives what it gives as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from shared.engines.embedding import Pooling
from tests.support.engines.encoding import cosines
from tests.support.models.small_encoders import small_qwen3
from workers.embedding.computer import PooledContext, YesNoContext
from workers.llama.native.model import LlamaModel

LENGTHS = (1, 31, 70, 5, 100)
BATCH_TOKENS = sum(LENGTHS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaModel]:
    """One that is not quantized, which rounds least."""
    path = small_qwen3("any").write(tmp_path_factory.mktemp("models") / "m.gguf")
    loaded = LlamaModel(str(path), 0, lambda fraction: None)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def inputs() -> list[list[int]]:
    draw = np.random.default_rng(0)
    return [draw.integers(1000, 30_000, length).tolist() for length in LENGTHS]


def test_vectors_of_the_last_token(model: LlamaModel, inputs: list[list[int]]) -> None:
    whole = PooledContext(model, Pooling.LAST, BATCH_TOKENS, BATCH_TOKENS, 2)
    parts = PooledContext(model, Pooling.LAST, BATCH_TOKENS, 32, 2)
    try:
        expected = whole.compute(inputs)
        assert cosines(parts.compute(inputs), expected).min() >= 0.9999
        alone = np.concatenate([parts.compute([tokens]) for tokens in inputs])
        assert cosines(alone, expected).min() >= 0.9999
        assert cosines(expected[:1], expected[1:2]).max() < 0.99
    finally:
        whole.close()
        parts.close()


def test_yes_or_no(model: LlamaModel, inputs: list[list[int]]) -> None:
    whole = YesNoContext(model, BATCH_TOKENS, BATCH_TOKENS, 2)
    parts = YesNoContext(model, BATCH_TOKENS, 32, 2)
    try:
        expected = whole.compute(inputs)
        assert parts.compute(inputs) == pytest.approx(expected, abs=2e-3)
        assert np.ptp(expected) > 0.1
    finally:
        whole.close()
        parts.close()
