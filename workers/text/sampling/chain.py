"""llama.cpp's native samplers for a request, in the order of llama.cpp's own server."""

from __future__ import annotations

from typing import Any

import llama_cpp

from shared.wire.jobs import MAX_PENALTY_TOKENS, Sampling
from workers.text.sampling.dry import has_dry

ANSWER_PENALTY_TOKENS = 1 << 16
"""``frequency_penalty`` and ``presence_penalty`` count the whole answer, as OpenAI's do."""

MIN_TEMPERATURE = 1e-6
"""Lower temperatures are greedy, like 0: logits divided by much smaller numbers would overflow a 32-bit float."""


def is_greedy(sampling: Sampling) -> bool:
    """Whether the most likely token is always taken."""
    if sampling.temperature + (0.0 if sampling.mirostat else sampling.dynatemp_range) < MIN_TEMPERATURE:
        return True
    return sampling.top_k == 1 and not sampling.mirostat


def has_penalties(sampling: Sampling) -> bool:
    """Whether earlier tokens change the distribution, each by itself."""
    repeats = sampling.repeat_penalty != 1.0 and sampling.repeat_last_n != 0
    return repeats or (sampling.frequency_penalty, sampling.presence_penalty) != (0.0, 0.0)


def needs_chain(sampling: Sampling) -> bool:
    """Whether drawing takes more than finding the largest logit."""
    greedy = is_greedy(sampling)
    return not greedy or bool(sampling.logit_bias) or has_penalties(sampling) or has_dry(sampling)


def repeat_window(sampling: Sampling) -> int:
    """How many of the last tokens ``repeat_penalty`` counts."""
    return MAX_PENALTY_TOKENS if sampling.repeat_last_n < 0 else min(sampling.repeat_last_n, MAX_PENALTY_TOKENS)


def penalties_chain(sampling: Sampling, vocab_size: int) -> Any:
    """The penalties. Free the chain with ``llama_sampler_free``."""
    repeat, frequency, presence = sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty
    samplers = [
        llama_cpp.llama_sampler_init_penalties(vocab_size, repeat_window(sampling), repeat, 0.0, 0.0),
        llama_cpp.llama_sampler_init_penalties(vocab_size, ANSWER_PENALTY_TOKENS, 1.0, frequency, presence),
    ]
    return new_chain(samplers)


def draw_chain(sampling: Sampling) -> Any:
    """All samplers between top-n-sigma and a random draw. Free the chain with ``llama_sampler_free``."""
    samplers = [
        llama_cpp.llama_sampler_init_top_k(sampling.top_k),
        llama_cpp.llama_sampler_init_typical(sampling.typical_p, 1),
        llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
    ]
    return new_chain([*samplers, *_last(sampling)])


def typical_chain(sampling: Sampling) -> Any:
    """Those that follow on top-k and typical-p. Free the chain with ``llama_sampler_free``."""
    return new_chain([llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1), *_last(sampling)])


def cut_chain(sampling: Sampling) -> Any:
    """Those that follow on top-k, typical-p and top-p. Free the chain with ``llama_sampler_free``."""
    return new_chain(_last(sampling))


def has_xtc(sampling: Sampling) -> bool:
    """Whether likely tokens may be excluded. That takes a random number, so it is no part of a chain."""
    return sampling.xtc_probability > 0.0 and sampling.xtc_threshold <= 0.5


def temperature_sampler(sampling: Sampling) -> Any:
    """The temperature, which may depend on the entropy. Free it with ``llama_sampler_free``."""
    return llama_cpp.llama_sampler_init_temp_ext(
        sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
    )


def new_chain(samplers: list[Any]) -> Any:
    """A chain that owns these samplers."""
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for sampler in samplers:
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain


def _last(sampling: Sampling) -> list[Any]:
    min_p = llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1)
    return [min_p] if has_xtc(sampling) else [min_p, temperature_sampler(sampling)]
