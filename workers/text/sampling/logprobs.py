"""Log probabilities of tokens."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from workers.text.sampling.candidates import top_k_bound
from workers.text.sampling.masses import total_weight


class Logprobs:
    """Natural log probabilities of one row of logits, shape ``(vocabulary,)``, which may change afterwards.

    Each is computed when it is asked for: of a large vocabulary only a few are.
    """

    def __init__(self, logits: NDArray[np.float32]) -> None:
        self._logits = logits.copy()
        self._log_total = log_total(logits)

    def of(self, token: int) -> float:
        """The log probability of a token."""
        return float(self._logits[token]) - self._log_total

    def most_likely(self, count: int) -> list[int]:
        """The ``count`` most likely tokens, most likely first; of equal ones those with the lower ids."""
        if not count:
            return []
        bound = top_k_bound(self._logits, count)
        few = np.arange(len(self._logits)) if bound is None else np.flatnonzero(self._logits >= bound)
        return [int(token) for token in few[np.argsort(-self._logits[few], kind="stable")][:count]]


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural log probabilities of all tokens, shape ``(vocabulary,)``."""
    return logits.astype(np.float64) - log_total(logits)


def log_total(logits: NDArray[np.float32]) -> float:
    """The log of the sum of all exponentials."""
    largest = float(logits.max())
    return largest + math.log(total_weight(logits - np.float32(largest)))
