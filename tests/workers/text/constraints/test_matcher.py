"""Bit masks of allowed tokens."""

from __future__ import annotations

import numpy as np
import pytest

from workers.text.constraints.matcher import mask_tokens


@pytest.mark.parametrize("size", [1, 31, 32, 33, 1000])
def test_logits_of_tokens_without_their_bit_are_masked(size: int) -> None:
    random = np.random.default_rng(size)
    allowed = random.random(size) < 0.5
    bits = np.zeros(-(-size // 32) * 32, np.bool_)
    bits[:size] = allowed
    bitmask = np.packbits(bits, bitorder="little").view(np.int32)[None]
    logits = random.normal(0, 5, size).astype(np.float32)
    logits[random.integers(0, size)] = np.inf
    expected = np.where(allowed, logits, -np.inf)
    mask_tokens(logits, bitmask)
    assert np.array_equal(logits, expected)
