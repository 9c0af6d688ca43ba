"""llama.cpp's native sampler chains for a request."""

from __future__ import annotations

from typing import Any

import llama_cpp

from shared.wire.jobs import REPEAT_PENALTY_TOKENS, Sampling

ANSWER_PENALTY_TOKENS = 1 << 16
"""``frequency_penalty`` and ``presence_penalty`` count the whole answer, as OpenAI's do."""

MIN_TEMPERATURE = 1e-6
"""Lower temperatures are greedy, like 0: logits divided by much smaller numbers would overflow a 32-bit float."""


def is_greedy(sampling: Sampling) -> bool:
    """Whether the most likely token is always taken."""
    return sampling.temperature < MIN_TEMPERATURE


def has_penalties(sampling: Sampling) -> bool:
    """Whether earlier tokens change the distribution."""
    return (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty) != (1.0, 0.0, 0.0)


def needs_chain(sampling: Sampling) -> bool:
    """Whether drawing takes more than finding the largest logit."""
    greedy = is_greedy(sampling) or sampling.top_k == 1
    return not greedy or bool(sampling.logit_bias) or has_penalties(sampling)


def penalties_chain(sampling: Sampling, vocab_size: int) -> Any:
    """The penalties. Free the chain with ``llama_sampler_free``."""
    repeat, frequency, presence = sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty
    samplers = [
        llama_cpp.llama_sampler_init_penalties(vocab_size, REPEAT_PENALTY_TOKENS, repeat, 0.0, 0.0),
        llama_cpp.llama_sampler_init_penalties(vocab_size, ANSWER_PENALTY_TOKENS, 1.0, frequency, presence),
    ]
    return _new_chain(samplers)


def draw_chain(sampling: Sampling) -> Any:
    """All samplers between the penalties and a random draw. Free the chain with ``llama_sampler_free``."""
    samplers = [
        llama_cpp.llama_sampler_init_top_k(sampling.top_k),
        llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
    ]
    return _new_chain([*samplers, *_last(sampling)])


def cut_chain(sampling: Sampling) -> Any:
    """Those that follow on top-k and top-p. Free the chain with ``llama_sampler_free``."""
    return _new_chain(_last(sampling))


def _last(sampling: Sampling) -> list[Any]:
    return [
        llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1),
        llama_cpp.llama_sampler_init_temp(sampling.temperature),
    ]


def _new_chain(samplers: list[Any]) -> Any:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for sampler in samplers:
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain
