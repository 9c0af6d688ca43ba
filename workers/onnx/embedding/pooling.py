"""From a graph's output to one row per input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.engines.embedding import Pooling
from workers.embedding.computer import Rows

Lengths = NDArray[np.int64]


def pool(values: NDArray[Any], lengths: Lengths, pooling: Pooling | None) -> Rows:
    """One row per input.

    Args:
        values: (inputs, width), which are rows already, or (inputs, longest, width), the vectors of the tokens. The
            tokens beyond an input's length are padding.
        lengths: (inputs,), in tokens.
        pooling: how the vectors of an input's tokens become one; None for values that are rows already.
    """
    rows: NDArray[Any]
    match pooling:
        case Pooling.MEAN:
            mask = np.arange(values.shape[1]) < lengths[:, None]
            summed = np.einsum("ijk,ij->ik", values.astype(np.float32, copy=False), mask.astype(np.float32))
            rows = summed / lengths[:, None].astype(np.float32)
        case Pooling.CLS:
            rows = values[:, 0]
        case Pooling.LAST:
            rows = values[np.arange(len(values)), lengths - 1]
        case _:
            rows = values
    floats: Rows = rows.astype(np.float32, copy=False)
    return floats
