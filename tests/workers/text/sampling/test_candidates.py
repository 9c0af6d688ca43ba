from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.text.sampling.candidates import has_ties, top_k_bound


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(16, 3000), st.integers(1, 300), st.sampled_from([0, 1, 6]))
def test_at_least_k_logits_reach_the_bound(seed: int, size: int, k: int, decimals: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 5, size).round(decimals).astype(np.float32)
    bound = top_k_bound(logits, k)
    if bound is None:
        assert 8 * k > size
    else:
        assert (logits >= np.float32(bound)).sum() >= k


def test_few_more_than_k_logits_reach_the_bound() -> None:
    logits = np.random.default_rng(1).normal(0, 5, 50_000).astype(np.float32)
    for k in (1, 50, 1000):
        assert (logits >= np.float32(top_k_bound(logits, k) or 0)).sum() < 1.2 * k + 5


def test_with_fewer_than_k_unmasked_logits_there_is_no_bound() -> None:
    logits = np.full(10_000, -np.inf, np.float32)
    logits[100:120] = 1.0
    assert top_k_bound(logits, 50) == -np.inf


@pytest.mark.parametrize(
    ("logits", "k", "expected"),
    [
        ([5, 4, 3, 2, 2], 3, False),
        ([2, 5, 2, 4, 3], 4, True),
        ([5, 4, 3, 3, 2], 3, True),
        ([5, 3, 3, 2, 1], 3, True),
        ([0.0, 7, -0.0], 2, True),
        ([1, 2], 5, False),
    ],
)
def test_ties_among_the_first_k_and_with_the_one_after_are_seen(logits: list[float], k: int, expected: bool) -> None:
    assert has_ties(np.array(logits, np.float32), k) is expected
