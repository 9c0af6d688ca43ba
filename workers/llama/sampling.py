"""Drawing the next token: llama.cpp's native sampler chain, one for each sequence."""

from __future__ import annotations

import secrets
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from shared.jobs import Sampling

PENALTY_WINDOW = 64
"""``repeat_penalty`` looks at so many of the last tokens, as llama.cpp does by default."""

GREEDY_BELOW = 1e-6
"""Temperatures below draw like 0; logits divided by far smaller ones would leave the range of 32 bits."""


class Sampler:
    """The sampler chain of one sequence.

    Order, as in llama.cpp: logit bias, penalties, top-k, top-p, min-p, temperature, and the draw itself. Greedy
    requests without bias or penalties need no chain: the largest logit is taken.
    """

    def __init__(self, sampling: Sampling, vocab_size: int) -> None:
        self._chain = _build_chain(sampling, vocab_size) if needs_chain(sampling) else None

    def sample(self, context: int, index: int, logits: NDArray[np.float32]) -> int:
        """Draw from the logits of the batch's token ``index``; ``logits`` is the same row, shape ``(vocabulary,)``."""
        if self._chain is None:
            return int(logits.argmax())
        return int(llama_cpp.llama_sampler_sample(self._chain, context, index))

    def accept(self, token: int) -> None:
        """Count a token that was appended without having been drawn."""
        if self._chain is not None:
            llama_cpp.llama_sampler_accept(self._chain, token)

    def close(self) -> None:
        """Free the chain."""
        if self._chain is not None:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None


def needs_chain(sampling: Sampling) -> bool:
    """Whether drawing takes more than finding the largest logit."""
    greedy = sampling.temperature < GREEDY_BELOW or sampling.top_k == 1
    return not greedy or bool(sampling.logit_bias) or penalised(sampling)


def penalised(sampling: Sampling) -> bool:
    """Whether earlier tokens change the distribution."""
    return (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty) != (1.0, 0.0, 0.0)


def _build_chain(sampling: Sampling, vocab_size: int) -> Any:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())

    def add(sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(chain, sampler)

    if sampling.logit_bias:
        entries = [llama_cpp.llama_logit_bias(token, bias) for token, bias in sampling.logit_bias.items()]
        array = (llama_cpp.llama_logit_bias * len(entries))(*entries)
        add(llama_cpp.llama_sampler_init_logit_bias(vocab_size, len(entries), array))
    if sampling.repeat_penalty != 1.0:
        add(llama_cpp.llama_sampler_init_penalties(vocab_size, PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0))
    if (sampling.frequency_penalty, sampling.presence_penalty) != (0.0, 0.0):
        window = 1 << 16  # OpenAI's penalties look at the whole answer
        frequency, presence = sampling.frequency_penalty, sampling.presence_penalty
        add(llama_cpp.llama_sampler_init_penalties(vocab_size, window, 1.0, frequency, presence))
    if sampling.temperature < GREEDY_BELOW:
        add(llama_cpp.llama_sampler_init_greedy())
        return chain
    if sampling.top_k > 0:
        add(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1.0:
        add(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0.0:
        add(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
    add(llama_cpp.llama_sampler_init_temp(sampling.temperature))
    seed = secrets.randbits(32) if sampling.seed is None else sampling.seed
    add(llama_cpp.llama_sampler_init_dist(seed & 0xFFFFFFFF))
    return chain


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural-log probabilities, shape ``(vocabulary,)``."""
    shifted: NDArray[np.float64] = logits.astype(np.float64) - float(logits.max())
    shifted -= np.log(np.exp(shifted).sum())
    return shifted
