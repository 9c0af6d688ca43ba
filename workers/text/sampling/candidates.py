"""The tokens that could be drawn: llama.cpp's samplers then process tens of tokens, not the whole vocabulary."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

GROUP_SIZE = 32
"""Logits in a group. Only the largest of each group is used to find the bound."""

MIN_GROUPS_PER_TOKEN = 4
"""With fewer groups for each of the ``k`` tokens, the largest logits share groups, and too many reach the bound."""


def top_k_bound(logits: NDArray[np.floating[Any]], k: int) -> float | None:
    """A bound that at least ``k`` logits reach, and usually few more; None if ``k`` is too large for the row.

    It is the k-th largest of the groups' maxima (-inf if fewer groups have an unmasked logit), found in a fraction of
    the time that a partition of the row takes.
    """
    size = min(GROUP_SIZE, len(logits) // (MIN_GROUPS_PER_TOKEN * k))
    if size < 2:
        return None
    groups = len(logits) // size
    maxima = logits[: groups * size].reshape(size, groups).max(axis=0)
    return float(np.partition(maxima, groups - k)[groups - k])


def has_ties(logits: NDArray[np.float32], k: int) -> bool:
    """Whether two of the ``k + 1`` largest logits are equal: then the top k, or their order, are not determined."""
    largest = np.sort(logits)[-(k + 1) :]
    return bool((largest[1:] == largest[:-1]).any())


class Candidates:
    """llama.cpp's array of candidates. All draws reuse its memory."""

    def __init__(self) -> None:
        self._native = llama_cpp.llama_token_data_array()
        self._reserve(256)

    def fill(self, tokens: NDArray[np.int64], logits: NDArray[np.float32], by_logit: bool = False) -> None:
        """Replace the candidates by tokens with their logits, in order of their ids or, most likely first, of these."""
        count = len(tokens)
        if count > len(self._memory):
            self._reserve(count)
        self._memory["id"][:count] = tokens
        self._memory["logit"][:count] = logits
        self._native.data = self._pointer  # a sampler may have moved it on
        self._native.size, self._native.selected, self._native.sorted = count, -1, by_logit

    def draw(self, seed: int) -> None:
        """Draw one of the candidates by their probabilities."""
        sampler = llama_cpp.llama_sampler_init_dist(seed)
        self.apply(sampler)
        llama_cpp.llama_sampler_free(sampler)

    def apply(self, sampler: Any) -> None:
        """Run a native sampler over the candidates."""
        llama_cpp.llama_sampler_apply(sampler, ctypes.byref(self._native))

    @property
    def logits(self) -> NDArray[np.float32]:
        """The candidates' logits, as changed by the samplers so far, none of which excluded the first ones."""
        values: NDArray[np.float32] = self._memory["logit"][: self._native.size]
        return values

    @property
    def count(self) -> int:
        """How many the samplers so far have left."""
        return int(self._native.size)

    @property
    def first(self) -> tuple[int, float]:
        """The first candidate and its logit."""
        entry = self._native.data[0]
        return int(entry.id), float(entry.logit)

    @property
    def selected(self) -> int:
        """The token that was drawn."""
        return int(self._native.data[self._native.selected].id)

    @property
    def selected_probability(self) -> float:
        """The probability that it was drawn with."""
        return float(self._native.data[self._native.selected].p)

    def _reserve(self, count: int) -> None:
        self._memory = np.empty(count, np.dtype(llama_cpp.llama_token_data))
        self._pointer: Any = self._memory.ctypes.data_as(llama_cpp.llama_token_data_p)
