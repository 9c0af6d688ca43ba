"""Contexts of llama.cpp: an input that is computed in several parts gives what it gives as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from shared.engines.embedding import Pooling
from shared.settings.placement import LlamaCppOptions
from tests.support.engines.encoding import cosines
from tests.support.models.small_encoders import small_qwen3
from workers.embedding.computer import Computer, Rows
from workers.embedding.gguf.contexts import PooledContext, YesNoContext
from workers.llama.native.model import LlamaModel

LENGTHS = (1, 31, 70, 5, 100)
BATCH_TOKENS = sum(LENGTHS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaModel]:
    """One that is not quantized, which rounds least."""
    path = small_qwen3("any").write(tmp_path_factory.mktemp("models") / "m.gguf")
    loaded = LlamaModel(str(path), LlamaCppOptions(gpu_layers=0), lambda fraction: None)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def inputs() -> list[list[int]]:
    draw = np.random.default_rng(0)
    return [draw.integers(1000, 30_000, length).tolist() for length in LENGTHS]


def rows_of(computer: Computer, inputs: list[list[int]]) -> Rows:
    *parts, rows = computer.parts(inputs)
    assert parts == [None] * len(parts)
    assert rows is not None
    return rows


def test_a_computation_that_is_given_up_leaves_nothing(model: LlamaModel, inputs: list[list[int]]) -> None:
    for computer in (
        PooledContext(model, Pooling.LAST, BATCH_TOKENS, 32, 2),
        YesNoContext(model, BATCH_TOKENS, 32, 2),
    ):
        try:
            expected = rows_of(computer, inputs)
            given_up = computer.parts(inputs[::-1])
            assert next(given_up) is None
            given_up.close()
            assert rows_of(computer, inputs) == pytest.approx(expected, abs=2e-3)
        finally:
            computer.close()


def test_vectors_of_the_last_token(model: LlamaModel, inputs: list[list[int]]) -> None:
    whole = PooledContext(model, Pooling.LAST, BATCH_TOKENS, BATCH_TOKENS, 2)
    parts = PooledContext(model, Pooling.LAST, BATCH_TOKENS, 32, 2)
    try:
        expected = rows_of(whole, inputs)
        assert cosines(rows_of(parts, inputs), expected).min() >= 0.9999
        alone = np.concatenate([rows_of(parts, [tokens]) for tokens in inputs])
        assert cosines(alone, expected).min() >= 0.9999
        assert cosines(expected[:1], expected[1:2]).max() < 0.99
    finally:
        whole.close()
        parts.close()


def test_yes_or_no(model: LlamaModel, inputs: list[list[int]]) -> None:
    whole = YesNoContext(model, BATCH_TOKENS, BATCH_TOKENS, 2)
    parts = YesNoContext(model, BATCH_TOKENS, 32, 2)
    try:
        expected = rows_of(whole, inputs)
        assert rows_of(parts, inputs) == pytest.approx(expected, abs=2e-3)
        assert np.ptp(expected) > 0.1
    finally:
        whole.close()
        parts.close()
