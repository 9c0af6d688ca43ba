"""Mass over large vocabularies: the same draws as llama.cpp makes from all tokens."""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.chain import draw_chain
from workers.text.sampling.masses import FEW_TOKENS, ByRank, UniformDraws, draw_in_order, top_p_tokens, weights_of
from workers.text.sampling.sampler import Sampler
from workers.text.sampling.seeds import draw_seed

VOCABULARY = 262_144
DRAWS = 60

Logits = NDArray[np.float32]


def drawn_by_llama_cpp(sampling: Sampling, rows: list[Logits]) -> list[int]:
    """Draws of llama.cpp's chain over all tokens."""
    chain = draw_chain(sampling)
    memory = np.empty(VOCABULARY, np.dtype(llama_cpp.llama_token_data))
    drawn = []
    for position, row in enumerate(rows):
        memory["id"], memory["logit"] = np.arange(VOCABULARY), row
        pointer = memory.ctypes.data_as(llama_cpp.llama_token_data_p)
        array = llama_cpp.llama_token_data_array(pointer, VOCABULARY, -1, False)
        draw = llama_cpp.llama_sampler_init_dist(draw_seed(sampling.seed or 0, position))
        for sampler in (chain, draw):
            llama_cpp.llama_sampler_apply(sampler, ctypes.byref(array))
        llama_cpp.llama_sampler_free(draw)
        drawn.append(int(memory["id"][array.selected]))
    llama_cpp.llama_sampler_free(chain)
    return drawn


def drawn_exactly(sampling: Sampling, rows: list[Logits]) -> list[int]:
    """Draws by llama.cpp's rules for top-p, min-p and temperature, in 64 bits."""
    drawn = []
    for position, row in enumerate(rows):
        order = np.argsort(-row, kind="stable")
        logits = row[order].astype(np.float64)
        probabilities = np.exp(logits - logits[0])
        probabilities /= probabilities.sum()
        kept = logits[: int(np.searchsorted(probabilities.cumsum(), sampling.top_p)) + 1]
        kept = kept[kept >= kept[0] + np.log(max(sampling.min_p, 1e-30))]
        sums = np.exp((kept - kept[0]) / sampling.temperature).cumsum()
        number = UniformDraws().after(draw_seed(sampling.seed or 0, position))
        drawn.append(int(order[np.searchsorted(sums, number * sums[-1])]))
    return drawn


def rows_of(spread: float, seed: int) -> list[Logits]:
    """Rows without equal logits near the largest ones."""
    random = np.random.default_rng(seed)
    return [random.normal(0, spread, VOCABULARY).astype(np.float32) for _ in range(DRAWS)]


@pytest.mark.parametrize("sampling", [
    Sampling(top_k=0, seed=5),
    Sampling(top_k=0, temperature=0.7, seed=5),
    Sampling(top_k=0, temperature=1.5, seed=5),
    Sampling(top_k=0, top_p=0.95, seed=5),
    Sampling(top_k=0, top_p=0.95, min_p=0.02, temperature=0.6, seed=5),
    Sampling(top_k=0, top_p=0.5, temperature=1.4, seed=5),
    Sampling(top_k=0, min_p=0.05, seed=5),
], ids=["plain", "cool", "hot", "top-p", "top-p-and-min-p", "low-top-p-hot", "min-p"])  # fmt: skip
@pytest.mark.parametrize("spread", [6.0, 3.0, 0.5], ids=["peaked", "broad", "flat"])
def test_large_vocabularies_give_llama_cpps_draws(sampling: Sampling, spread: float) -> None:
    rows = rows_of(spread, seed=9)
    sampler = Sampler(sampling, VOCABULARY)
    ours = [sampler.sample(row.copy()) for row in rows]
    sampler.close()
    # llama.cpp adds up what top-p keeps in 32 bits: of so many tokens, its cut is off by hundreds
    reference = drawn_exactly if spread <= 3.0 and sampling.top_p < 1.0 else drawn_by_llama_cpp
    others = sum(mine != its for mine, its in zip(ours, reference(sampling, rows), strict=True))
    assert others <= (0 if spread > 3.0 else 2)


def test_a_flat_row_is_drawn_from_by_its_mass() -> None:
    random = np.random.default_rng(1)
    logits = random.normal(0, 0.5, VOCABULARY).astype(np.float32)
    tokens = top_p_tokens(logits, float(logits.max()), 0.9)
    probabilities = np.exp(logits.astype(np.float64))
    probabilities /= probabilities.sum()
    order = np.argsort(-logits, kind="stable")
    kept = int(np.searchsorted(probabilities[order].cumsum(), 0.9)) + 1
    assert len(tokens) > FEW_TOKENS
    assert abs(len(tokens) - kept) <= 2
    assert set(order[: kept - 2].tolist()) <= set(tokens.tolist())


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 9000), st.sampled_from([0.01, 1.0, 8.0]), st.floats(0.0, 1.0), st.integers(0, 2**32 - 1))
def test_ranks_are_those_of_a_sorted_row(size: int, spread: float, share: float, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, spread, size).astype(np.float32)
    tokens, weights = np.arange(size) + 7, weights_of(logits, float(logits.max()))
    order = np.argsort(-logits, kind="stable")
    sums = weights[order].cumsum(dtype=np.float64)
    mass = share * float(sums[-1]) * 0.999
    expected = int(np.searchsorted(sums, mass))
    ranks = ByRank(tokens, logits, weights)
    assert abs(int(np.flatnonzero(order + 7 == ranks.at(mass))[0]) - expected) <= 1
    assert abs(len(ranks.until(mass)) - expected - 1) <= 1


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 5000), st.floats(0.0, 1.0, exclude_max=True), st.integers(0, 2**32 - 1))
def test_a_draw_in_order_is_where_the_sum_reaches_its_number(size: int, number: float, seed: int) -> None:
    weights = np.random.default_rng(seed).random(size, np.float32)
    exact = weights.cumsum(dtype=np.float64)
    expected = min(int(np.searchsorted(exact, number * exact[-1])), size - 1)
    assert abs(draw_in_order(weights, number) - expected) <= 1


@pytest.mark.parametrize("seed", [0, 1, 77, 2**32 - 2])
def test_random_numbers_are_those_of_llama_cpp(seed: int) -> None:
    """The numbers divide 4,096 equal tokens as llama.cpp does."""
    memory = np.zeros(4096, np.dtype(llama_cpp.llama_token_data))
    memory["id"] = np.arange(4096)
    array = llama_cpp.llama_token_data_array(memory.ctypes.data_as(llama_cpp.llama_token_data_p), 4096, -1, False)
    draw = llama_cpp.llama_sampler_init_dist(seed)
    llama_cpp.llama_sampler_apply(draw, ctypes.byref(array))
    llama_cpp.llama_sampler_free(draw)
    assert int(memory["id"][array.selected]) == int(np.ceil(UniformDraws().after(seed) * 4096)) - 1
