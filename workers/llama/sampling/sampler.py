"""Drawing the next token: llama.cpp's native sampler chain, one for each sequence.

Each draw has a random number of its own, by the request's seed and the number of tokens before it, and by nothing else:
a worker that takes a sequence over draws as the one before it would have drawn. llama.cpp's own generator could not be
wound on to where that one stopped, as it passes over draws that leave no choice; it is seeded anew for each draw.
"""

from __future__ import annotations

import math
import secrets
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.llama.sampling.candidates import Candidates, has_ties, top_k_bound

PENALTY_WINDOW = 64
"""``repeat_penalty`` looks at so many of the last tokens, as llama.cpp does by default."""

ANSWER_WINDOW = 1 << 16
"""``frequency_penalty`` and ``presence_penalty`` look at the whole answer, as OpenAI's do."""

GREEDY_BELOW = 1e-6
"""Temperatures below draw like 0; logits divided by far smaller ones would leave the range of 32 bits."""

_MASK_64 = (1 << 64) - 1

LOWEST = float(np.finfo(np.float32).min)
"""Tokens with a logit of -inf, such as a grammar's mask leaves, are never drawn."""


class Sampler:
    """The sampler chain of one sequence.

    Order, as in llama.cpp: logit bias, penalties, top-k, top-p, min-p, temperature, and the draw itself. Greedy
    requests without bias or penalties need no chain: the largest logit is taken.

    The chain runs over the few tokens that it could draw where they can be told beforehand (top-k, or min-p alone), and
    draws the same tokens as it would from the whole vocabulary.
    """

    def __init__(self, sampling: Sampling, vocab_size: int) -> None:
        self._chain = self._penalties = None
        self._accepted = 0  # tokens of the answer so far, drawn and appended
        if not needs_chain(sampling):
            return
        self._chain = _build_chain(sampling)
        self._random = sampling.temperature >= GREEDY_BELOW
        self._seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
        self._bias_tokens = np.array(list(sampling.logit_bias), np.int64)
        self._bias = np.array(list(sampling.logit_bias.values()), np.float32)
        if penalised(sampling):
            self._penalties = _build_penalties(sampling, vocab_size)
            only_repeat = (sampling.frequency_penalty, sampling.presence_penalty) == (0.0, 0.0)
            self._window = np.empty(PENALTY_WINDOW if only_repeat else ANSWER_WINDOW, np.int32)
        self._top_k = 1 if sampling.temperature < GREEDY_BELOW else sampling.top_k
        self._min_p = sampling.min_p if sampling.top_p >= 1.0 else 0.0
        self._candidates = Candidates()

    def sample(self, logits: NDArray[np.float32]) -> int:
        """Draw from a row of logits, shape ``(vocabulary,)``. It is changed in place: the logit bias is added."""
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
        """Count a token that was appended, drawn or not."""
        if self._penalties is not None:
            llama_cpp.llama_sampler_accept(self._penalties, token)
            self._window[self._accepted % len(self._window)] = token
        self._accepted += 1

    def close(self) -> None:
        """Free the chain."""
        for chain in (self._chain, self._penalties):
            if chain is not None:
                llama_cpp.llama_sampler_free(chain)
        self._chain = self._penalties = None

    def _load_few(self, logits: NDArray[np.float32]) -> bool:
        """Make the few tokens that the chain could draw the candidates; False if they cannot be told for sure."""
        tokens = self._few(logits)
        if tokens is None or not len(tokens):
            return False
        self._load(tokens, logits[tokens])
        # llama.cpp's partial sort leaves equal logits in an order that depends on where all the others lie
        return self._top_k == 0 or not has_ties(self._candidates.logits, self._top_k)

    def _load(self, tokens: NDArray[np.int64], logits: NDArray[np.float32]) -> None:
        self._candidates.fill(tokens, logits)
        if self._penalties is not None:
            self._candidates.apply(self._penalties)

    def _few(self, logits: NDArray[np.float32]) -> NDArray[np.int64] | None:
        """The tokens among which all that the chain could draw are, in order; None if they cannot be told.

        Those that the penalties change are among them, as each could end up anywhere; the bound is that of the others.
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
        """What the logit of a token must reach for the chain to draw it; None if the chain could draw any."""
        if self._top_k > 0:
            bound = top_k_bound(logits, self._top_k)
        elif self._min_p > 0.0:
            bound = float(logits.max()) + math.log(self._min_p) - 1.0  # 1 for llama.cpp's rounding of its own bound
        else:
            bound = None
        return None if bound is None else max(bound, LOWEST)


def needs_chain(sampling: Sampling) -> bool:
    """Whether drawing takes more than finding the largest logit."""
    greedy = sampling.temperature < GREEDY_BELOW or sampling.top_k == 1
    return not greedy or bool(sampling.logit_bias) or penalised(sampling)


def penalised(sampling: Sampling) -> bool:
    """Whether earlier tokens change the distribution."""
    return (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty) != (1.0, 0.0, 0.0)


def _new_chain(samplers: list[Any]) -> Any:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for sampler in samplers:
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain


def _build_penalties(sampling: Sampling, vocab_size: int) -> Any:
    repeat, frequency, presence = sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty
    samplers = [
        llama_cpp.llama_sampler_init_penalties(vocab_size, PENALTY_WINDOW, repeat, 0.0, 0.0),
        llama_cpp.llama_sampler_init_penalties(vocab_size, ANSWER_WINDOW, 1.0, frequency, presence),
    ]
    return _new_chain(samplers)


def _build_chain(sampling: Sampling) -> Any:
    """What comes after logit bias and penalties, up to the draw."""
    if sampling.temperature < GREEDY_BELOW:
        return _new_chain([llama_cpp.llama_sampler_init_greedy()])
    samplers = [
        llama_cpp.llama_sampler_init_top_k(sampling.top_k),
        llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
        llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1),
        llama_cpp.llama_sampler_init_temp(sampling.temperature),
    ]
    return _new_chain(samplers)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural-log probabilities, shape ``(vocabulary,)``."""
    shifted: NDArray[np.float64] = logits.astype(np.float64) - float(logits.max())
    shifted -= np.log(np.exp(shifted).sum())
    return shifted


def draw_seed(seed: int, position: int) -> int:
    """The seed of the draw that follows ``position`` tokens: splitmix64 (Steele et al. 2014) at that place.

    It is below 2**32 - 1, which stands for a random seed in llama.cpp.
    """
    state = (seed + (position + 1) * 0x9E3779B97F4A7C15) & _MASK_64
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return (state ^ (state >> 31)) % 0xFFFFFFFF
