"""One row of the vectors of an input's tokens, without those of the padding."""

from __future__ import annotations

import numpy as np
import pytest

from shared.engines.embedding import Pooling
from workers.onnx.embedding.pooling import pool

VALUES = np.array([[[1, 2], [3, 4], [900, 900]], [[5, 6], [7, 8], [9, 1]]])
LENGTHS = np.array([2, 3])


@pytest.mark.parametrize("floats", [np.float32, np.float16])
@pytest.mark.parametrize(
    ("pooling", "rows"),
    [
        (Pooling.MEAN, [[2, 3], [7, 5]]),
        (Pooling.CLS, [[1, 2], [5, 6]]),
        (Pooling.LAST, [[3, 4], [9, 1]]),
    ],
)
def test_pooling(pooling: Pooling, rows: list[list[int]], floats: type[np.floating]) -> None:
    pooled = pool(VALUES.astype(floats), LENGTHS, pooling)
    assert pooled.dtype == np.float32
    assert pooled.tolist() == rows


def test_rows_stay_as_they_are() -> None:
    assert pool(np.array([[1, 2]], np.float16), np.array([3]), None).tolist() == [[1, 2]]


def test_the_mean_of_many_small_numbers_is_exact_enough() -> None:
    values = np.full((1, 5000, 1), 20, np.float16)  # their sum is beyond the numbers of 16 bits
    assert pool(values, np.array([5000]), Pooling.MEAN).tolist() == [[20]]
