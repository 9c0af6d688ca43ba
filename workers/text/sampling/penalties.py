"""Penalties for the tokens that an answer has already, by llama.cpp's own samplers."""

from __future__ import annotations

import weakref

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.candidates import Candidates
from workers.text.sampling.chain import ANSWER_PENALTY_TOKENS, penalties_chain, repeat_window


class Penalties:
    """The penalties of one sequence. They change the logits of the tokens in its window, and of no others."""

    def __init__(self, sampling: Sampling, vocab_size: int, candidates: Candidates) -> None:
        self._chain = penalties_chain(sampling, vocab_size)
        self._free = weakref.finalize(self, llama_cpp.llama_sampler_free, self._chain)
        self._candidates = candidates
        only_repeat = (sampling.frequency_penalty, sampling.presence_penalty) == (0.0, 0.0)
        self._window = repeat_window(sampling) if only_repeat else ANSWER_PENALTY_TOKENS
        self._counts: dict[int, int] = {}
        self._recent: list[int] = []

    def accept(self, token: int) -> None:
        """Count a token of the answer."""
        llama_cpp.llama_sampler_accept(self._chain, token)
        self._recent.append(token)
        self._counts[token] = self._counts.get(token, 0) + 1
        if len(self._recent) > self._window:
            oldest = self._recent[-self._window - 1]
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest]

    def apply(self, logits: NDArray[np.float32]) -> None:
        """Change logits, shape ``(vocabulary,)``, in place. Masked ones (-inf) stay masked."""
        if not self._counts:
            return
        tokens = np.fromiter(self._counts, np.int64, len(self._counts))
        self._candidates.fill(tokens, logits[tokens])
        self._candidates.apply(self._chain)
        logits[tokens] = self._candidates.logits

    def close(self) -> None:
        """Free the chain."""
        self._free()
