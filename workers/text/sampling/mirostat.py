"""Draws by Mirostat, versions 1 and 2 (Basu et al. 2021), with llama.cpp's samplers.

Mirostat adapts ``mu``, the surprise that a token may have, to each token that was drawn. llama.cpp keeps it in its
sampler and cannot be told it. But a new sampler begins with twice its target, and uses the target for nothing else
until it has drawn. So each draw has a sampler of its own, and ``mu`` is kept here, and travels with the tokens to a
worker that takes over.
"""

from __future__ import annotations

import math

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.candidates import Candidates, top_k_bound
from workers.text.sampling.masses import NEGLIGIBLE, weights_of

FIRST_TOKENS = 1024
"""Version 1 keeps the most likely tokens, mostly much fewer than these. Only if not, all are looked at."""

ESTIMATED_TOKENS = 100
"""From so many of the most likely tokens version 1 estimates how the others are distributed, as llama.cpp's does."""

NO_CUT = 1e6
"""A target so high that version 2 keeps all tokens that it gets."""

Logits = NDArray[np.float32]


class Mirostat:
    """The draws of one sequence. ``mu`` is in bits, as 32-bit number."""

    def __init__(self, sampling: Sampling, vocab_size: int, candidates: Candidates, mu: float | None) -> None:
        self._candidates = candidates
        self._vocab_size = vocab_size
        self._first_version = sampling.mirostat == 1
        self._temperature = sampling.temperature
        self._tau, self._eta = np.float32(sampling.mirostat_tau), np.float32(sampling.mirostat_eta)
        self._mu = np.float32(2.0) * self._tau if mu is None else np.float32(mu)

    @property
    def mu(self) -> float:
        """What the next draw depends on, beside the seed."""
        return float(self._mu)

    def draw(self, logits: Logits, seed: int) -> int:
        """Draw from logits, shape ``(vocabulary,)``, at least one of which is not masked."""
        if self._first_version:
            self._draw_of_first(logits, seed)
        else:
            self._draw_by_surprise(logits, seed)
        surprise = np.float32(-math.log2(max(self._candidates.selected_probability, 1e-45)))
        self._mu = self._mu - self._eta * (surprise - self._tau)
        return self._candidates.selected

    def _draw_of_first(self, logits: Logits, seed: int) -> None:
        """Version 1. What it cuts off depends only on the ratios of the most likely tokens' probabilities."""
        lowest = float(logits.max()) - NEGLIGIBLE * self._temperature
        bound = top_k_bound(logits, FIRST_TOKENS)
        if bound is not None and bound > lowest:
            first = self._apply_first(logits, bound, seed)
            if self._candidates.count < first:
                return
        self._apply_first(logits, lowest, seed)

    def _apply_first(self, logits: Logits, bound: float, seed: int) -> int:
        """Draw from the tokens whose logits reach the bound, and return their number."""
        tokens = np.flatnonzero(logits >= np.float32(bound))
        self._candidates.fill(tokens, logits[tokens] / np.float32(self._temperature))
        half, size = self.mu / 2, self._vocab_size
        self._apply(llama_cpp.llama_sampler_init_mirostat(size, seed, half, 0.0, ESTIMATED_TOKENS))
        return len(tokens)

    def _draw_by_surprise(self, logits: Logits, seed: int) -> None:
        """Version 2: of the tokens with a surprise up to ``mu``."""
        weights = weights_of(logits, float(logits.max()), self._temperature)
        total = float(weights.sum(dtype=np.float64))
        lowest = total * 2.0 ** -min(max(self.mu, -1.0), 120.0)
        tokens = np.flatnonzero(weights >= np.float32(lowest))
        if not len(tokens):
            tokens = np.array([logits.argmax()])
        tokens = tokens[np.lexsort((tokens, -logits[tokens]))]
        self._candidates.fill(tokens, logits[tokens] / np.float32(self._temperature), by_logit=True)
        self._apply(llama_cpp.llama_sampler_init_mirostat_v2(seed, NO_CUT, 0.0))

    def _apply(self, sampler: llama_cpp.llama_sampler_p) -> None:
        self._candidates.apply(sampler)
        llama_cpp.llama_sampler_free(sampler)
