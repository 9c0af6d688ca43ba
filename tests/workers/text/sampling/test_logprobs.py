from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.text.sampling.logprobs import Logprobs, log_softmax

ROWS = st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=20).map(lambda row: np.array(row, np.float32))


@settings(deadline=None)
@given(ROWS)
def test_log_probabilities_sum_to_one_and_keep_the_logits_differences(logits: NDArray[np.float32]) -> None:
    logprobs = log_softmax(logits)
    assert np.exp(logprobs).sum() == pytest.approx(1.0)
    assert np.diff(logprobs) == pytest.approx(np.diff(logits.astype(np.float64)), abs=1e-6)


def test_a_masked_token_has_the_log_probability_minus_infinity() -> None:
    logits = np.array([1.0, -np.inf, 1.0], np.float32)
    assert log_softmax(logits) == pytest.approx([-np.log(2), -np.inf, -np.log(2)])


@pytest.mark.parametrize("size", [3, 40, 5000])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_most_likely_tokens_are_in_order(size: int, count: int) -> None:
    logits = np.random.default_rng(1).normal(0, 3, size).round(1).astype(np.float32)  # some are equal
    expected = sorted(range(size), key=lambda token: (-logits[token], token))[:count]
    assert Logprobs(logits).most_likely(count) == expected


def test_masked_tokens_are_the_least_likely() -> None:
    logits = np.full(1000, -np.inf, np.float32)
    logits[[7, 5]] = 1.0
    assert Logprobs(logits).most_likely(3)[:2] == [5, 7]


@settings(deadline=None)
@given(ROWS)
def test_single_tokens_have_the_log_probabilities_of_the_whole_row(logits: NDArray[np.float32]) -> None:
    logprobs, expected = Logprobs(logits), log_softmax(logits)
    logits[:] = -np.inf  # the row is used for something else
    assert [logprobs.of(token) for token in range(len(logits))] == pytest.approx(list(expected), abs=1e-9)


@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_sums_over_a_large_vocabulary_are_exact(spread: float) -> None:
    logits = np.random.default_rng(2).normal(20, spread, 262_144).astype(np.float32)
    exact = np.log(np.exp(logits.astype(np.float64)).sum())
    assert Logprobs(logits).of(7) == pytest.approx(float(logits[7]) - exact, abs=2e-6)
