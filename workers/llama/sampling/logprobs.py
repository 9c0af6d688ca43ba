"""Log probabilities of tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural log probabilities, shape ``(vocabulary,)``."""
    shifted: NDArray[np.float64] = logits.astype(np.float64) - float(logits.max())
    shifted -= np.log(np.exp(shifted).sum())
    return shifted


def most_likely(logprobs: NDArray[np.float64], count: int) -> list[int]:
    """The ``count`` most likely tokens, most likely first."""
    if not count:
        return []
    best = np.argpartition(logprobs, -count)[-count:]
    return [int(token) for token in best[np.argsort(-logprobs[best])]]
