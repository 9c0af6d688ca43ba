"""XTC and a temperature that depends on the entropy, where thousands of tokens could be drawn.

llama.cpp sorts them all. Here only those are sorted among which the draw falls.
"""

from __future__ import annotations

import math
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.candidates import Candidates
from workers.text.sampling.chain import MIN_TEMPERATURE, has_xtc
from workers.text.sampling.masses import draw_by_rank, draw_in_order, entropy_of, log_mass, weights_of
from workers.text.sampling.seeds import draw_seed

Logits = NDArray[np.float32]


def xtc_sampler(sampling: Sampling, seed: int) -> Any:
    """XTC for the draw with this seed, with a random number of its own. Free it with ``llama_sampler_free``."""
    number = draw_seed(seed, 0)  # not the one of the draw
    return llama_cpp.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 1, number)


class WideDraws:
    """The draws of one sequence after top-p and min-p. ``candidates`` are free to be used."""

    def __init__(self, sampling: Sampling, candidates: Candidates) -> None:
        self._sampling = sampling
        self._candidates = candidates
        self._xtc, self._dynamic = has_xtc(sampling), sampling.dynatemp_range > 0.0

    def draw(self, logits: Logits, seed: int, number: float, by_rank: bool) -> int:
        """The index of the logit that is drawn by ``number`` (0 to 1). Excluded ones are masked in place.

        llama.cpp goes through the tokens as they are, or by falling logits if they have been sorted: ``by_rank``.
        """
        largest = float(logits.max())
        if self._xtc and self._strikes(seed):
            by_rank = True
            excluded = _likelier_than(logits, largest, self._sampling.xtc_threshold)
            if len(excluded):
                logits[excluded] = -np.inf
                largest = float(logits.max())
        temperature = self._sampling.temperature
        if self._dynamic:
            by_rank = True
            temperature = self._dynamic_temperature(logits, largest)
        if temperature < MIN_TEMPERATURE:
            return int(logits.argmax())
        weights = weights_of(logits, largest, temperature)
        if by_rank:
            return draw_by_rank(logits, weights, largest, temperature, number)
        return draw_in_order(weights, number)

    def _strikes(self, seed: int) -> bool:
        """Whether XTC excludes what it can in the draw with this seed: it does so with one of two equal tokens."""
        self._candidates.fill(np.arange(2), np.zeros(2, np.float32))
        sampler = xtc_sampler(self._sampling, seed)
        self._candidates.apply(sampler)
        llama_cpp.llama_sampler_free(sampler)
        return self._candidates.count == 1

    def _dynamic_temperature(self, logits: Logits, largest: float) -> float:
        """llama.cpp's: from the lowest to the highest temperature as the entropy grows."""
        sampling = self._sampling
        count = int(np.count_nonzero(logits > -np.inf))
        if count < 2:
            return sampling.temperature
        lowest = max(0.0, sampling.temperature - sampling.dynatemp_range)
        highest = sampling.temperature + sampling.dynatemp_range
        share = max(entropy_of(logits, largest), 0.0) / math.log(count)
        return float(lowest + (highest - lowest) * share**sampling.dynatemp_exponent)


def _likelier_than(logits: Logits, largest: float, threshold: float) -> NDArray[np.intp]:
    """The tokens of at least this probability, but for the least likely of them."""
    if threshold <= 0.0:
        likely = np.flatnonzero(logits > -np.inf)
    else:
        bound = log_mass(weights_of(logits, largest), largest) + math.log(threshold)
        likely = np.flatnonzero(logits >= np.float32(bound))
    if not len(likely):
        return likely
    kept = likely[np.lexsort((likely, -logits[likely]))[-1]]
    excluded: NDArray[np.intp] = likely[likely != kept]
    return excluded
