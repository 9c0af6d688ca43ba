"""The tokens that a draw can fall on, so that llama.cpp's samplers go through tens of them, not the vocabulary."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

GROUP_SIZE = 32
"""Logits of which only the largest is looked at when a bound is sought."""

GROUPS_A_TOKEN = 4
"""So many groups for each token sought: with fewer, the largest ones share groups, and the bound lets many through."""


def top_k_bound(logits: NDArray[np.float32], k: int) -> float | None:
    """A number that ``k`` logits or more reach, few more as a rule; -inf if fewer than ``k`` groups have any above it.

    It is the k-th largest of the maxima of groups, which takes a fraction of the time of a partition of the row.
    None if ``k`` is too large a part of the row for that.
    """
    size = min(GROUP_SIZE, len(logits) // (GROUPS_A_TOKEN * k))
    if size < 2:
        return None
    groups = len(logits) // size
    maxima = logits[: groups * size].reshape(size, groups).max(axis=0)
    return float(np.partition(maxima, groups - k)[groups - k])


def has_ties(logits: NDArray[np.float32], k: int) -> bool:
    """Whether two of the ``k + 1`` largest logits are equal, which leaves it open which tokens are the top k, or how
    these are ordered."""
    largest = np.sort(logits)[-(k + 1) :]
    return bool((largest[1:] == largest[:-1]).any())


class Candidates:
    """llama.cpp's array of candidates, in memory that is kept from draw to draw."""

    def __init__(self) -> None:
        self._native = llama_cpp.llama_token_data_array()
        self._reserve(256)

    def fill(self, tokens: NDArray[np.int64], logits: NDArray[np.float32]) -> None:
        """Put in tokens, in the order of their ids, and their logits."""
        count = len(tokens)
        if count > len(self._memory):
            self._reserve(count)
        self._memory["id"][:count] = tokens
        self._memory["logit"][:count] = logits
        self._native.size, self._native.selected, self._native.sorted = count, -1, False

    def draw(self, seed: int) -> None:
        """Select one of the candidates by their probabilities."""
        sampler = llama_cpp.llama_sampler_init_dist(seed)
        self.apply(sampler)
        llama_cpp.llama_sampler_free(sampler)

    def apply(self, sampler: Any) -> None:
        """Run a native sampler over the candidates."""
        llama_cpp.llama_sampler_apply(sampler, ctypes.byref(self._native))

    @property
    def logits(self) -> NDArray[np.float32]:
        """The candidates' logits as the samplers so far have left them."""
        values: NDArray[np.float32] = self._memory["logit"][: self._native.size]
        return values

    @property
    def selected(self) -> int:
        """The token that a sampler has drawn."""
        return int(self._memory["id"][self._native.selected])

    def _reserve(self, count: int) -> None:
        self._memory = np.empty(count, np.dtype(llama_cpp.llama_token_data))
        pointer: Any = self._memory.ctypes.data_as(llama_cpp.llama_token_data_p)
        self._native.data = pointer
