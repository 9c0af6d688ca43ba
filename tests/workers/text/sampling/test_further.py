"""The further samplers of llama.cpp draw the tokens that its own chain draws from the whole vocabulary."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.sampler import Sampler
from workers.text.sampling.seeds import draw_seed

Logits = NDArray[np.float32]
DRAWS = 8


class WholeRow:
    """llama.cpp's chain, made anew for each draw, over all tokens that are not masked."""

    def __init__(self, sampling: Sampling, vocab_size: int) -> None:
        self._sampling, self._size, self._drawn = sampling, vocab_size, 0
        self._mu = np.float32(2 * sampling.mirostat_tau)

    def sample(self, logits: Logits) -> int:
        sampling, seed = self._sampling, draw_seed(self._sampling.seed or 0, self._drawn)
        self._drawn += 1
        tokens = np.flatnonzero(logits > -np.inf)
        memory = np.zeros(len(tokens), np.dtype(llama_cpp.llama_token_data))
        memory["id"], memory["logit"] = tokens, logits[tokens]
        pointer = memory.ctypes.data_as(llama_cpp.llama_token_data_p)
        array = llama_cpp.llama_token_data_array(pointer, len(tokens), -1, False)
        for native in self._mirostat(seed) if sampling.mirostat else self._samplers(seed):
            llama_cpp.llama_sampler_apply(native, ctypes.byref(array))
            llama_cpp.llama_sampler_free(native)
            if sampling.top_n_sigma > 0.0 and array.data[0].p == 0.0 and not array.sorted:
                array = _unmasked(array)
        chosen = array.data[array.selected]
        if sampling.mirostat:
            surprise = -np.log2(np.float32(chosen.p))
            self._mu -= np.float32(sampling.mirostat_eta) * (surprise - np.float32(sampling.mirostat_tau))
        return int(chosen.id)

    def _mirostat(self, seed: int) -> list[Any]:
        sampling, half = self._sampling, float(self._mu) / 2
        temperature = llama_cpp.llama_sampler_init_temp(sampling.temperature)
        if sampling.mirostat == 1:
            return [temperature, llama_cpp.llama_sampler_init_mirostat(self._size, seed, half, 0.1, 100)]
        return [temperature, llama_cpp.llama_sampler_init_mirostat_v2(seed, half, 0.1)]

    def _samplers(self, seed: int) -> list[Any]:
        sampling = self._sampling
        chance = draw_seed(seed, 0)
        return [
            llama_cpp.llama_sampler_init_top_n_sigma(sampling.top_n_sigma),
            llama_cpp.llama_sampler_init_top_k(sampling.top_k),
            llama_cpp.llama_sampler_init_typical(sampling.typical_p, 1),
            llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
            llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1),
            llama_cpp.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 1, chance),
            llama_cpp.llama_sampler_init_temp_ext(
                sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
            ),
            llama_cpp.llama_sampler_init_dist(seed),
        ]


def _unmasked(array: Any) -> Any:
    """The candidates without those that top-n-sigma has masked: their number would count for the temperature."""
    left = [array.data[place] for place in range(array.size) if array.data[place].logit > -np.inf]
    data = (llama_cpp.llama_token_data * len(left))(*left)
    return llama_cpp.llama_token_data_array(data, len(left), -1, False)


FURTHER = st.builds(
    Sampling,
    temperature=st.sampled_from([0.3, 0.8, 1.0, 2.5]),
    top_k=st.sampled_from([0, 5, 50, 130]),
    top_p=st.sampled_from([1.0, 0.95, 0.5]),
    min_p=st.sampled_from([0.0, 0.001, 0.1]),
    seed=st.integers(0, 2**32 - 2),
    typical_p=st.sampled_from([1.0, 1.0, 0.95, 0.5, 0.1]),
    top_n_sigma=st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0]),
    xtc_probability=st.sampled_from([0.0, 0.5, 1.0]),
    xtc_threshold=st.sampled_from([0.05, 0.1, 0.4, 0.6]),
    dynatemp_range=st.sampled_from([0.0, 0.25, 1.0]),
    dynatemp_exponent=st.sampled_from([0.5, 1.0, 2.0]),
)


@st.composite
def rows(draw: st.DrawFn) -> list[Logits]:
    """Rows of logits without ties, with and without a mask."""
    size, spread = draw(st.sampled_from([8, 600, 3000])), draw(st.sampled_from([0.5, 3.0, 8.0]))
    left = draw(st.sampled_from([1, 2, 30, size, size]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = random.normal(0, spread, (DRAWS, size)).astype(np.float32)
    for row in logits:
        row[random.permutation(size)[left:]] = -np.inf
    return list(logits)


def differing(sampling: Sampling, logits: list[Logits]) -> int:
    """How many draws are not llama.cpp's."""
    sampler, reference = Sampler(sampling, len(logits[0])), WholeRow(sampling, len(logits[0]))
    different = sum(sampler.sample(row.copy()) != reference.sample(row) for row in logits)
    sampler.close()
    return different


@settings(deadline=None, max_examples=400)
@given(FURTHER, rows())
def test_draws_are_llama_cpps(sampling: Sampling, logits: list[Logits]) -> None:
    assert differing(sampling, logits) <= 1  # sums in 32 bits may end one token further


EACH = {
    "typical": Sampling(top_k=0, typical_p=0.6, seed=3),
    "typical-of-few": Sampling(top_k=50, typical_p=0.6, seed=3),
    "typical-and-top-p": Sampling(top_k=0, typical_p=0.8, top_p=0.9, temperature=1.4, seed=3),
    "sigma": Sampling(top_k=0, top_n_sigma=1.0, temperature=1.7, seed=3),
    "xtc": Sampling(top_k=0, min_p=0.02, xtc_probability=0.5, seed=3),
    "xtc-of-all": Sampling(top_k=0, xtc_probability=0.8, xtc_threshold=0.05, seed=3),
    "xtc-after-top-p": Sampling(top_k=0, top_p=0.95, xtc_probability=0.8, xtc_threshold=0.05, seed=3),
    "dynamic": Sampling(top_k=0, top_p=0.95, dynatemp_range=0.5, dynatemp_exponent=1.5, seed=3),
    "dynamic-of-all": Sampling(top_k=0, dynatemp_range=0.5, seed=3),
    "mirostat-1": Sampling(mirostat=1, temperature=0.9, seed=3),
    "mirostat-2": Sampling(mirostat=2, temperature=0.9, seed=3),
    "mirostat-1-surprised": Sampling(mirostat=1, mirostat_tau=14.0, seed=3),
    "mirostat-2-surprised": Sampling(mirostat=2, mirostat_tau=14.0, mirostat_eta=0.3, seed=3),
}


@pytest.mark.parametrize("sampling", EACH.values(), ids=EACH.keys())
@pytest.mark.parametrize(
    ("size", "spread", "draws"), [(4000, (1.0, 5.0), 400), (50_000, (4.5, 7.0), 60)], ids=["small", "large"]
)
def test_each_draws_as_llama_cpp_does(sampling: Sampling, size: int, spread: tuple[float, float], draws: int) -> None:
    """llama.cpp adds up in 32 bits: where tens of thousands of tokens count, its cuts are off by tens."""
    random = np.random.default_rng(8)
    logits = [random.normal(0, random.uniform(*spread), size).astype(np.float32) for _ in range(draws)]
    assert differing(sampling, logits) <= draws // 100
