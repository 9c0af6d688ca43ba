"""From the logits of all tokens to a random one, by llama.cpp's samplers, over the few tokens that they could draw.

They draw the same tokens as from the whole vocabulary. Where many could be drawn, as at a high temperature, the draw
is made here by the same rules. llama.cpp adds up probabilities in 32 bits, which is less exact: so a draw at the edge
of two tokens may take the other one.
"""

from __future__ import annotations

import math
import weakref
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.candidates import Candidates, has_ties, top_k_bound
from workers.text.sampling.chain import cut_chain, draw_chain, has_xtc, temperature_sampler, typical_chain
from workers.text.sampling.masses import (
    FEW_TOKENS,
    NEGLIGIBLE,
    ByRank,
    UniformDraws,
    mask_below_sigma,
    top_p_tokens,
    typical_tokens,
    weights_of,
)
from workers.text.sampling.wide import WideDraws, xtc_sampler

LOWEST_LOGIT = float(np.finfo(np.float32).min)
"""Tokens with a lower logit (-inf) are masked by a grammar and never drawn."""

Tokens = NDArray[np.int64]
Logits = NDArray[np.float32]


class ChainDraws:
    """The draws of one sequence by llama.cpp's chain of top-n-sigma, top-k, typical-p, top-p, min-p, XTC, temperature.

    What has been masked before, as by a grammar or top-n-sigma, counts nowhere; in llama.cpp's own chain a temperature
    that depends on the entropy counts it.
    """

    def __init__(self, sampling: Sampling, candidates: Candidates) -> None:
        self._sampling = sampling
        self._candidates = candidates
        self._uniform = UniformDraws()
        self._wide = WideDraws(sampling, candidates)
        self._xtc, self._dynamic = has_xtc(sampling), sampling.dynatemp_range > 0.0
        self._typical = sampling.typical_p < 1.0
        self._chain, self._cut_chain = draw_chain(sampling), cut_chain(sampling)
        native = [self._chain, self._cut_chain]
        if self._typical:
            native.append(typical_chain(sampling))
            self._typical_chain = native[-1]
        if self._xtc:
            native.append(temperature_sampler(sampling))
            self._temperature = native[-1]
        self._free = weakref.finalize(self, _free_all, native)

    def draw(self, logits: Logits, seed: int) -> int:
        """Draw from logits, shape ``(vocabulary,)``, which top-n-sigma changes in place."""
        sampling = self._sampling
        if sampling.top_n_sigma > 0.0:
            mask_below_sigma(logits, sampling.top_n_sigma)
        if sampling.top_k > 0:
            return self._draw_of_top_k(logits, seed)
        largest = float(logits.max())
        if not largest > -np.inf:  # a row without any token, of which llama.cpp makes what it will
            return self._draw_of_all(logits, seed)
        if self._typical:
            return self._draw_of_typical(logits, largest, seed)
        if sampling.top_p < 1.0:
            return self._draw_of_top_p(logits, largest, seed)
        if sampling.min_p > 0.0:
            return self._draw_of_min_p(logits, largest, seed)
        return self._wide.draw(logits, seed, self._uniform.after(seed), by_rank=False)

    def close(self) -> None:
        """Free the chains. They are freed too when nobody holds this any more."""
        self._free()

    def _draw_of_top_k(self, logits: Logits, seed: int) -> int:
        bound = top_k_bound(logits, self._sampling.top_k)
        if bound is None:
            return self._draw_of_all(logits, seed)
        tokens = np.flatnonzero(logits >= max(bound, LOWEST_LOGIT))
        # llama.cpp's partial sort leaves equal logits in an order that depends on the whole vocabulary
        if not len(tokens) or has_ties(logits[tokens], self._sampling.top_k):
            return self._draw_of_all(logits, seed)
        return self._draw_of(self._near(tokens, logits), logits, seed)

    def _draw_of_typical(self, logits: Logits, largest: float, seed: int) -> int:
        sampling = self._sampling
        tokens, nearness = typical_tokens(logits, largest, sampling.typical_p)
        chosen = logits[tokens]
        if len(tokens) > FEW_TOKENS and sampling.top_p >= 1.0 and not (self._xtc or self._dynamic):
            largest = float(chosen.max())
            weights = weights_of(chosen, largest, sampling.temperature)
            if sampling.min_p > 0.0:
                weights[chosen < _min_p_bound(largest, sampling.min_p)] = 0.0
            mass = self._uniform.after(seed) * float(weights.sum(dtype=np.float64))
            return ByRank(tokens, nearness, weights).at(mass)  # llama.cpp has the nearest first
        if len(tokens) > FEW_TOKENS:
            order = np.lexsort((tokens, -nearness))
            tokens, chosen = tokens[order], chosen[order]
        self._candidates.fill(tokens, chosen)
        return self._draw_of_filled(self._typical_chain, seed)

    def _draw_of_top_p(self, logits: Logits, largest: float, seed: int) -> int:
        sampling = self._sampling
        tokens = top_p_tokens(logits, largest, sampling.top_p)
        if len(tokens) > FEW_TOKENS:
            if sampling.min_p > 0.0:
                tokens = tokens[logits[tokens] >= _min_p_bound(largest, sampling.min_p)]
            return int(tokens[self._wide.draw(logits[tokens], seed, self._uniform.after(seed), by_rank=True)])
        chosen = logits[tokens]
        if (chosen[1:] == chosen[:-1]).any():
            return self._draw_of_all(logits, seed)
        self._candidates.fill(tokens, chosen, by_logit=True)
        return self._draw_of_filled(self._cut_chain, seed)

    def _draw_of_min_p(self, logits: Logits, largest: float, seed: int) -> int:
        tokens = np.flatnonzero(
            logits >= np.float32(max(float(_min_p_bound(largest, self._sampling.min_p)), LOWEST_LOGIT))
        )
        if len(tokens) <= FEW_TOKENS:
            return self._draw_of(tokens, logits, seed)
        return int(tokens[self._wide.draw(logits[tokens], seed, self._uniform.after(seed), by_rank=False)])

    def _draw_of_all(self, logits: Logits, seed: int) -> int:
        tokens = np.arange(len(logits))
        return self._draw_of(self._near(tokens, logits), logits, seed)

    def _near(self, tokens: Tokens, logits: Logits) -> Tokens:
        """The tokens without those whose probability is 0, where a sampler takes its logarithm."""
        if not (self._typical or self._dynamic):
            return tokens
        chosen = logits[tokens]
        near = tokens[chosen >= max(float(chosen.max()) - NEGLIGIBLE, LOWEST_LOGIT)]
        return near if len(near) else tokens

    def _draw_of(self, tokens: Tokens, logits: Logits, seed: int) -> int:
        """Draw from tokens in order of their ids."""
        self._candidates.fill(tokens, logits[tokens])
        return self._draw_of_filled(self._chain, seed)

    def _draw_of_filled(self, chain: Any, seed: int) -> int:
        candidates = self._candidates
        candidates.apply(chain)
        if self._xtc:
            xtc = xtc_sampler(self._sampling, seed)
            candidates.apply(xtc)
            llama_cpp.llama_sampler_free(xtc)
            candidates.apply(self._temperature)
        if self._dynamic:
            token, logit = candidates.first
            if not math.isfinite(logit):  # a temperature of about 0: logits that exceed 32 bits
                return token
        candidates.draw(seed)
        return candidates.selected


def _min_p_bound(largest: float, min_p: float) -> np.float32:
    """The lowest logit that min-p keeps."""
    return np.float32(largest) + np.float32(math.log(min_p))


def _free_all(chains: list[Any]) -> None:
    for chain in chains:
        llama_cpp.llama_sampler_free(chain)
