"""Draws the next token of a sequence, with llama.cpp's native samplers.

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

from shared.wire.jobs import REPEAT_PENALTY_TOKENS, Sampling
from workers.text.sampling.candidates import Candidates, has_ties, top_k_bound
from workers.text.sampling.chain import (
    ANSWER_PENALTY_TOKENS,
    draw_chain,
    has_penalties,
    is_greedy,
    needs_chain,
    penalties_chain,
)

LOWEST_LOGIT = float(np.finfo(np.float32).min)
"""Tokens with a lower logit (-inf) are masked by a grammar and never drawn."""

_MASK_64 = (1 << 64) - 1


class Sampler:
    """The sampler chain of one sequence.

    Order, as in llama.cpp: logit bias, penalties, top-k, top-p, min-p, temperature, draw. Greedy requests without bias
    or penalties need no chain: the largest logit is taken.

    With top-k, or with min-p alone, the chain runs only over the few tokens that it could draw. It draws the same
    tokens as from the whole vocabulary.
    """

    def __init__(self, sampling: Sampling, vocab_size: int) -> None:
        self._chain = self._penalties = None
        self._accepted = 0  # tokens of the answer so far, drawn or forced
        native: list[Any] = []
        self._free = weakref.finalize(self, _free_all, native)
        if not needs_chain(sampling):
            return
        self._chain = draw_chain(sampling)
        native.append(self._chain)
        self._random = not is_greedy(sampling)
        self._seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
        self._bias_tokens = np.array(list(sampling.logit_bias), np.int64)
        self._bias = np.array(list(sampling.logit_bias.values()), np.float32)
        if has_penalties(sampling):
            self._penalties = penalties_chain(sampling, vocab_size)
            native.append(self._penalties)
            only_repeat = (sampling.frequency_penalty, sampling.presence_penalty) == (0.0, 0.0)
            self._window = np.empty(REPEAT_PENALTY_TOKENS if only_repeat else ANSWER_PENALTY_TOKENS, np.int32)
        self._top_k = 1 if is_greedy(sampling) else sampling.top_k
        self._min_p = sampling.min_p if sampling.top_p >= 1.0 else 0.0
        self._candidates = Candidates()

    def sample(self, logits: NDArray[np.float32]) -> int:
        """Draw from logits, shape ``(vocabulary,)``. The logit bias is added to them in place."""
        if self._chain is None:
            return int(logits.argmax())
        if self._bias.size:
            logits[self._bias_tokens] += self._bias
        if not self._load_few(logits):
            self._load(np.arange(len(logits)), logits)
        self._candidates.apply(self._chain)
        if self._random:
            self._candidates.draw(draw_seed(self._seed, self._accepted))
        token = self._candidates.selected
        self.accept(token)
        return token

    def accept(self, token: int) -> None:
        """Count a token that was appended without :meth:`sample`."""
        if self._penalties is not None:
            llama_cpp.llama_sampler_accept(self._penalties, token)
            self._window[self._accepted % len(self._window)] = token
        self._accepted += 1

    def close(self) -> None:
        """Free the chain. It is freed too when nobody holds the sampler any more."""
        self._chain = self._penalties = None
        self._free()

    def _load_few(self, logits: NDArray[np.float32]) -> bool:
        """Load only the tokens that the chain could draw; False if they cannot be determined."""
        tokens = self._few(logits)
        if tokens is None or not len(tokens):
            return False
        self._load(tokens, logits[tokens])
        # llama.cpp's partial sort leaves equal logits in an order that depends on the whole vocabulary
        return self._top_k == 0 or not has_ties(self._candidates.logits, self._top_k)

    def _load(self, tokens: NDArray[np.int64], logits: NDArray[np.float32]) -> None:
        self._candidates.fill(tokens, logits)
        if self._penalties is not None:
            self._candidates.apply(self._penalties)

    def _few(self, logits: NDArray[np.float32]) -> NDArray[np.int64] | None:
        """A few tokens that include all that the chain could draw, ordered by id; None if they cannot be determined.

        Tokens with a penalty are always among them, since it could change their rank. The bound applies to the others.
        """
        if self._penalties is None:
            bound = self._bound(logits)
            return None if bound is None else np.flatnonzero(logits >= bound)
        recent = self._window[: self._accepted]
        held = logits[recent]
        logits[recent] = -np.inf
        bound = self._bound(logits)
        logits[recent] = held
        if bound is None:
            return None
        chosen = logits >= bound
        chosen[recent] = held > -np.inf
        return np.flatnonzero(chosen)

    def _bound(self, logits: NDArray[np.float32]) -> float | None:
        """A logit below which the chain draws no token; None if it could draw any."""
        if self._top_k > 0:
            bound = top_k_bound(logits, self._top_k)
        elif self._min_p > 0.0:
            bound = float(logits.max()) + math.log(self._min_p) - 1.0  # minus 1 for llama.cpp's rounding
        else:
            bound = None
        return None if bound is None else max(bound, LOWEST_LOGIT)


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
