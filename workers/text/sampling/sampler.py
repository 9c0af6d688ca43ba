"""Draws the next token of a sequence, as llama.cpp's native samplers do.

The random number of a draw depends only on the request's seed and the number of tokens before it. So a worker that
takes over a sequence continues with the same draws. llama.cpp's own generator cannot be advanced to that point, since
it skips draws without a choice; so it is seeded again for each draw.
"""

from __future__ import annotations

import math
import secrets
import weakref
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.candidates import Candidates, has_ties, top_k_bound
from workers.text.sampling.chain import cut_chain, draw_chain, has_penalties, is_greedy, needs_chain
from workers.text.sampling.masses import FEW_TOKENS, ByRank, UniformDraws, draw_in_order, top_p_tokens, weights_of
from workers.text.sampling.penalties import Penalties

LOWEST_LOGIT = float(np.finfo(np.float32).min)
"""Tokens with a lower logit (-inf) are masked by a grammar and never drawn."""

_MASK_64 = (1 << 64) - 1

Tokens = NDArray[np.int64]


class Sampler:
    """The samplers of one sequence.

    Order, as in llama.cpp: logit bias, penalties, top-k, top-p, min-p, temperature, draw. Greedy requests take the
    largest logit after bias and penalties.

    llama.cpp's samplers run only over the few tokens that they could draw, and draw the same tokens as from the whole
    vocabulary. Where many could be drawn, as at a high temperature, the draw is made here by the same rules. llama.cpp
    adds up probabilities in 32 bits, which is less exact: so a draw at the edge of two tokens may take the other one.
    """

    def __init__(self, sampling: Sampling, vocab_size: int) -> None:
        self._accepted = 0  # tokens of the answer so far, drawn or forced
        self._sampling = sampling
        self._random = not is_greedy(sampling) and sampling.top_k != 1
        self._penalties: Penalties | None = None
        native: list[Any] = []
        self._free = weakref.finalize(self, _free_all, native)
        self._bias_tokens = np.array(list(sampling.logit_bias), np.int64)
        self._bias = np.array(list(sampling.logit_bias.values()), np.float32)
        if not needs_chain(sampling):
            return
        self._candidates = Candidates()
        if has_penalties(sampling):
            self._penalties = Penalties(sampling, vocab_size, self._candidates)
        if self._random:
            self._seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
            self._uniform = UniformDraws()
            self._chain, self._cut_chain = draw_chain(sampling), cut_chain(sampling)
            native += [self._chain, self._cut_chain]

    def sample(self, logits: NDArray[np.float32]) -> int:
        """Draw from logits, shape ``(vocabulary,)``, which are changed in place by the bias and the penalties."""
        if self._bias.size:
            logits[self._bias_tokens] += self._bias
        if self._penalties is not None:
            self._penalties.apply(logits)
        token = self._draw(logits) if self._random else int(logits.argmax())
        self.accept(token)
        return token

    def accept(self, token: int) -> None:
        """Count a token that was appended without :meth:`sample`."""
        if self._penalties is not None:
            self._penalties.accept(token)
        self._accepted += 1

    def close(self) -> None:
        """Free the chains. They are freed too when nobody holds the sampler any more."""
        if self._penalties is not None:
            self._penalties.close()
        self._free()

    def _draw(self, logits: NDArray[np.float32]) -> int:
        sampling = self._sampling
        if sampling.top_k > 0:
            return self._draw_of_top_k(logits)
        largest = float(logits.max())
        if not largest > -np.inf:  # a row without any token, of which llama.cpp makes what it will
            return self._draw_of_all(logits)
        if sampling.top_p < 1.0:
            return self._draw_of_top_p(logits, largest)
        if sampling.min_p > 0.0:
            return self._draw_of_min_p(logits, largest)
        weights = weights_of(logits, largest, sampling.temperature)
        return draw_in_order(weights, self._uniform.after(self._draw_seed()))

    def _draw_of_top_k(self, logits: NDArray[np.float32]) -> int:
        bound = top_k_bound(logits, self._sampling.top_k)
        if bound is None:
            return self._draw_of_all(logits)
        tokens = np.flatnonzero(logits >= max(bound, LOWEST_LOGIT))
        # llama.cpp's partial sort leaves equal logits in an order that depends on the whole vocabulary
        if not len(tokens) or has_ties(logits[tokens], self._sampling.top_k):
            return self._draw_of_all(logits)
        return self._draw_of(tokens, logits)

    def _draw_of_top_p(self, logits: NDArray[np.float32], largest: float) -> int:
        sampling = self._sampling
        tokens = top_p_tokens(logits, largest, sampling.top_p)
        if len(tokens) > FEW_TOKENS:
            if sampling.min_p > 0.0:
                tokens = tokens[logits[tokens] >= _min_p_bound(largest, sampling.min_p)]
            weights = weights_of(logits[tokens], largest, sampling.temperature)
            mass = self._uniform.after(self._draw_seed()) * float(weights.sum(dtype=np.float64))
            return ByRank(tokens, logits[tokens], weights).at(mass)
        chosen = logits[tokens]
        if (chosen[1:] == chosen[:-1]).any():
            return self._draw_of_all(logits)
        self._candidates.fill(tokens, chosen, by_logit=True)
        return self._draw_of_filled(self._cut_chain)

    def _draw_of_min_p(self, logits: NDArray[np.float32], largest: float) -> int:
        tokens = np.flatnonzero(
            logits >= np.float32(max(float(_min_p_bound(largest, self._sampling.min_p)), LOWEST_LOGIT))
        )
        if len(tokens) <= FEW_TOKENS:
            return self._draw_of(tokens, logits)
        weights = weights_of(logits[tokens], largest, self._sampling.temperature)
        return int(tokens[draw_in_order(weights, self._uniform.after(self._draw_seed()))])

    def _draw_of_all(self, logits: NDArray[np.float32]) -> int:
        return self._draw_of(np.arange(len(logits)), logits)

    def _draw_of(self, tokens: Tokens, logits: NDArray[np.float32]) -> int:
        """Draw from tokens in order of their ids."""
        self._candidates.fill(tokens, logits[tokens])
        return self._draw_of_filled(self._chain)

    def _draw_of_filled(self, chain: Any) -> int:
        self._candidates.apply(chain)
        self._candidates.draw(self._draw_seed())
        return self._candidates.selected

    def _draw_seed(self) -> int:
        return draw_seed(self._seed, self._accepted)


def _min_p_bound(largest: float, min_p: float) -> np.float32:
    """The lowest logit that min-p keeps."""
    return np.float32(largest) + np.float32(math.log(min_p))


def _free_all(chains: list[Any]) -> None:
    for chain in chains:
        llama_cpp.llama_sampler_free(chain)


def draw_seed(seed: int, position: int) -> int:
    """The seed of the draw after ``position`` tokens: splitmix64 (Steele et al. 2014) at that position.

    It is below 2**32 - 1, which means a random seed in llama.cpp.
    """
    state = (seed + (position + 1) * 0x9E3779B97F4A7C15) & _MASK_64
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return (state ^ (state >> 31)) % 0xFFFFFFFF
