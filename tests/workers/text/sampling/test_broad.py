"""The further samplers over large vocabularies without a favourite: the draws of their rules, computed in 64 bits.

llama.cpp adds up in 32 bits, where the cuts of so many tokens are off by hundreds.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.text.sampling.masses import UniformDraws, entropy_of
from workers.text.sampling.sampler import Sampler
from workers.text.sampling.seeds import draw_seed

VOCABULARY = 100_000
DRAWS = 20

Row = NDArray[np.float32]
Exact = NDArray[np.float64]


def drawn_exactly(sampling: Sampling, row: Row, seed: int) -> int:
    """One draw by llama.cpp's rules. ``tokens`` are in the order in which it would have them."""
    tokens = np.flatnonzero(row > -np.inf)
    if sampling.top_n_sigma > 0.0:
        counted = row[tokens].astype(np.float64)
        tokens = tokens[counted >= counted.max() - sampling.top_n_sigma * counted.std()]
    if sampling.typical_p < 1.0:
        surprise = -np.log(_probabilities(row[tokens]))
        entropy = (np.exp(-surprise) * surprise).sum()
        order = np.argsort(np.abs(surprise - entropy), kind="stable")
        sums = np.exp(-surprise[order]).cumsum()
        tokens = tokens[order[: int(np.searchsorted(sums, sampling.typical_p, side="right")) + 1]]
    if sampling.top_p < 1.0:
        tokens = _ranked(tokens, row)
        tokens = tokens[: int(np.searchsorted(_probabilities(row[tokens]).cumsum(), sampling.top_p)) + 1]
    if sampling.min_p > 0.0:
        tokens = tokens[row[tokens] >= float(row[tokens].max()) + math.log(sampling.min_p)]
    if sampling.xtc_probability > 0.0 and _chance(draw_seed(seed, 0)) <= sampling.xtc_probability:
        tokens = _ranked(tokens, row)
        likely = int((_probabilities(row[tokens]) >= sampling.xtc_threshold).sum())
        tokens = tokens[max(likely - 1, 0) :]
    temperature = sampling.temperature
    if sampling.dynatemp_range > 0.0:
        tokens = _ranked(tokens, row)
        probabilities = _probabilities(row[tokens])
        share = -(probabilities * np.log(probabilities)).sum() / math.log(len(tokens))
        lowest = max(0.0, temperature - sampling.dynatemp_range)
        temperature = lowest + (temperature + sampling.dynatemp_range - lowest) * share**sampling.dynatemp_exponent
    sums = _probabilities(row[tokens] / temperature).cumsum()
    return int(tokens[np.searchsorted(sums, UniformDraws().after(seed) * sums[-1])])


def _probabilities(logits: Row | Exact) -> Exact:
    exact = logits.astype(np.float64)
    weights: Exact = np.exp(exact - exact.max())
    weights /= weights.sum()
    return weights


def _ranked(tokens: NDArray[np.intp], row: Row) -> NDArray[np.intp]:
    return tokens[np.lexsort((tokens, -row[tokens]))]


def _chance(seed: int) -> float:
    """XTC's random number: the first 32 bits of a Mersenne Twister."""
    return int.from_bytes(np.random.RandomState(seed).bytes(4), "little") / 2.0**32


@pytest.mark.parametrize("sampling", [
    Sampling(top_k=0, typical_p=0.95, seed=4),
    Sampling(top_k=0, typical_p=0.4, temperature=1.3, seed=4),
    Sampling(top_k=0, top_n_sigma=1.5, seed=4),
    Sampling(top_k=0, xtc_probability=0.5, seed=4),
    Sampling(top_k=0, xtc_probability=1.0, xtc_threshold=0.0001, temperature=0.8, seed=4),
    Sampling(top_k=0, xtc_probability=1.0, xtc_threshold=0.0, seed=4),
    Sampling(top_k=0, top_p=0.95, xtc_probability=0.5, xtc_threshold=0.0001, seed=4),
    Sampling(top_k=0, min_p=0.001, xtc_probability=0.5, xtc_threshold=0.0001, seed=4),
    Sampling(top_k=0, dynatemp_range=0.6, seed=4),
    Sampling(top_k=0, top_p=0.9, dynatemp_range=0.6, dynatemp_exponent=2.0, seed=4),
    Sampling(top_k=0, min_p=0.001, xtc_probability=0.5, dynatemp_range=0.6, temperature=0.7, seed=4),
], ids=[
    "typical", "half typical", "sigma", "xtc", "low xtc", "all but the last", "top-p and xtc", "min-p and xtc",
    "dynamic", "top-p and dynamic", "all three",
])  # fmt: skip
@pytest.mark.parametrize("spread", [3.0, 1.0, 0.3], ids=["broad", "broader", "flat"])
@pytest.mark.parametrize("masked", [0, 40_000], ids=["whole", "masked"])
def test_broad_rows_are_drawn_from_by_the_rules(sampling: Sampling, spread: float, masked: int) -> None:
    random = np.random.default_rng(6)
    rows = random.normal(0, spread, (DRAWS, VOCABULARY)).astype(np.float32)
    rows[:, random.permutation(VOCABULARY)[:masked]] = -np.inf
    sampler = Sampler(sampling, VOCABULARY)
    ours = [sampler.sample(row.copy()) for row in rows]
    sampler.close()
    expected = [drawn_exactly(sampling, row, draw_seed(4, place)) for place, row in enumerate(rows)]
    assert sum(mine != its for mine, its in zip(ours, expected, strict=True)) <= DRAWS // 10  # at the edge of two


def test_masked_tokens_add_nothing_to_the_entropy() -> None:
    row = np.full(5000, -np.inf, np.float32)
    row[100:164] = 7.0
    assert entropy_of(row, 7.0) == pytest.approx(math.log(64), rel=1e-5)
