"""Log probabilities of tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.text.sampling.candidates import top_k_bound


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural log probabilities, shape ``(vocabulary,)``."""
    largest = logits.max()
    total = np.exp(logits - largest).sum(dtype=np.float64)  # exponentials of 64 bits would take several times as long
    logprobs: NDArray[np.float64] = logits.astype(np.float64)
    logprobs -= float(largest) + np.log(total)
    return logprobs


def most_likely(logprobs: NDArray[np.float64], count: int) -> list[int]:
    """The ``count`` most likely tokens, most likely first; of equal ones those with the lower ids."""
    if not count:
        return []
    bound = top_k_bound(logprobs, count)
    few = np.arange(len(logprobs)) if bound is None else np.flatnonzero(logprobs >= bound)
    return [int(token) for token in few[np.argsort(-logprobs[few], kind="stable")][:count]]
