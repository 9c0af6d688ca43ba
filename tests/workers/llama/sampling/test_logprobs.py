from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.llama.sampling.chain import needs_chain
from workers.llama.sampling.logprobs import log_softmax
from workers.llama.sampling.sampler import Sampler

ROWS = st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=20).map(lambda row: np.array(row, np.float32))


@settings(deadline=None)
@given(ROWS)
def test_a_greedy_sampler_takes_the_largest_logit(logits: NDArray[np.float32]) -> None:
    sampler = Sampler(Sampling(temperature=0.0), vocab_size=len(logits))
    token = sampler.sample(logits)
    assert logits[token] == logits.max()
    sampler.accept(token)
    sampler.close()


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(temperature=0.0), False),
        (Sampling(temperature=1e-40), False),
        (Sampling(temperature=0.7, top_k=1), False),
        (Sampling(temperature=0.7), True),
        (Sampling(temperature=0.0, logit_bias={3: 1.0}), True),
        (Sampling(temperature=0.0, repeat_penalty=1.1), True),
        (Sampling(temperature=0.0, frequency_penalty=0.1), True),
        (Sampling(temperature=0.0, presence_penalty=-0.1), True),
    ],
)
def test_only_greedy_drawing_without_bias_and_penalties_needs_no_chain(sampling: Sampling, expected: bool) -> None:
    assert needs_chain(sampling) is expected


def test_a_chain_can_be_closed_twice() -> None:
    sampler = Sampler(Sampling(temperature=0.8, seed=1, logit_bias={1: -5.0}, presence_penalty=0.5), vocab_size=8)
    sampler.accept(1)
    sampler.close()
    sampler.close()


@settings(deadline=None)
@given(ROWS)
def test_log_probabilities_sum_to_one_and_keep_the_logits_differences(logits: NDArray[np.float32]) -> None:
    logprobs = log_softmax(logits)
    assert np.exp(logprobs).sum() == pytest.approx(1.0)
    assert np.diff(logprobs) == pytest.approx(np.diff(logits.astype(np.float64)), abs=1e-6)


def test_a_masked_token_has_the_log_probability_minus_infinity() -> None:
    logits = np.array([1.0, -np.inf, 1.0], np.float32)
    assert log_softmax(logits) == pytest.approx([-np.log(2), -np.inf, -np.log(2)])
