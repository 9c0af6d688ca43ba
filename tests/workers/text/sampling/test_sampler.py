"""The sampler draws the same tokens as llama.cpp's own chain over the whole vocabulary."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from shared.wire.jobs import REPEAT_PENALTY_TOKENS, Sampling
from workers.text.sampling.chain import ANSWER_PENALTY_TOKENS, MIN_TEMPERATURE
from workers.text.sampling.sampler import Sampler
from workers.text.sampling.seeds import draw_seed

DRAWS = 6
Logits = NDArray[np.float32]


class WholeVocabulary:
    """``llama_sampler_sample`` with one chain of all samplers and a seed for each draw."""

    def __init__(self, sampling: Sampling, vocab_size: int) -> None:
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        bias = [llama_cpp.llama_logit_bias(token, value) for token, value in sampling.logit_bias.items()]
        bias_array = (llama_cpp.llama_logit_bias * len(bias))(*bias)
        frequency, presence = sampling.frequency_penalty, sampling.presence_penalty
        repeat = sampling.repeat_penalty
        self._add(llama_cpp.llama_sampler_init_logit_bias(vocab_size, len(bias), bias_array))
        self._add(llama_cpp.llama_sampler_init_penalties(vocab_size, REPEAT_PENALTY_TOKENS, repeat, 0.0, 0.0))
        self._add(llama_cpp.llama_sampler_init_penalties(vocab_size, ANSWER_PENALTY_TOKENS, 1.0, frequency, presence))
        self._seed, self._accepted = sampling.seed or 0, 0
        self._random = sampling.temperature >= MIN_TEMPERATURE
        if not self._random:
            self._add(llama_cpp.llama_sampler_init_greedy())
            return
        self._add(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
        self._add(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
        self._add(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
        self._add(llama_cpp.llama_sampler_init_temp(sampling.temperature))

    def sample(self, logits: Logits) -> int:
        data = (llama_cpp.llama_token_data * len(logits))(
            *(llama_cpp.llama_token_data(i, float(x), 0.0) for i, x in enumerate(logits))
        )
        array = llama_cpp.llama_token_data_array(data, len(logits), -1, False)
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(array))
        if self._random:
            draw = llama_cpp.llama_sampler_init_dist(draw_seed(self._seed, self._accepted))
            llama_cpp.llama_sampler_apply(draw, ctypes.byref(array))
            llama_cpp.llama_sampler_free(draw)
        token = int(data[array.selected].id)
        self.accept(token)
        return token

    def accept(self, token: int) -> None:
        llama_cpp.llama_sampler_accept(self._chain, token)
        self._accepted += 1

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._chain)

    def _add(self, sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(self._chain, sampler)


SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 0.8, 1.0, 2.5]),
    top_k=st.sampled_from([0, 1, 2, 5, 40, 50, 130, 4000]),
    top_p=st.sampled_from([1.0, 0.95, 0.5, 0.01]),
    min_p=st.sampled_from([0.0, 0.001, 0.1, 1.0]),
    repeat_penalty=st.sampled_from([1.0, 1.1, 0.5, 3.0]),
    frequency_penalty=st.sampled_from([0.0, 0.3, -0.7]),
    presence_penalty=st.sampled_from([0.0, 0.9, -1.5]),
    seed=st.integers(0, 2**32 - 2),
    logit_bias=st.dictionaries(st.integers(0, 7), st.sampled_from([-100.0, -1.5, 0.25, 30.0]), max_size=5),
)


@st.composite
def rows(draw: st.DrawFn) -> list[Logits]:
    """Rows of logits, with and without ties, and with and without a mask of most tokens."""
    size = draw(st.sampled_from([8, 100, 600, 3000]))
    spread = draw(st.sampled_from([0.1, 3.0, 12.0]))
    decimals = draw(st.sampled_from([0, 2, 7]))
    left = draw(st.sampled_from([0, 1, 2, 30, size, size, size]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = random.normal(0, spread, (DRAWS, size)).round(decimals).astype(np.float32)
    for row in logits:
        row[random.permutation(size)[left:]] = -np.inf
    return list(logits)


@settings(deadline=None, max_examples=400)
@given(SAMPLINGS, rows(), st.integers(0, 2**32 - 1), st.integers(0, 150))
def test_draws_are_those_from_the_whole_vocabulary(
    sampling: Sampling, logits: list[Logits], seed: int, appended: int
) -> None:
    size, random = len(logits[0]), np.random.default_rng(seed)
    sampler, reference = Sampler(sampling, size), WholeVocabulary(sampling, size)
    for token in random.integers(0, size, appended).tolist():
        sampler.accept(token)
        reference.accept(token)
    for row in logits:
        assert sampler.sample(row.copy()) == reference.sample(row)
        forced = int(random.integers(0, size))
        sampler.accept(forced)
        reference.accept(forced)
    sampler.close()
    reference.close()


def test_min_p_alone_keeps_all_tokens_up_to_its_bound() -> None:
    logits = np.random.default_rng(1).permutation(np.linspace(-3, 0, 3000)).astype(np.float32)
    sampling = Sampling(seed=1, top_k=0, min_p=0.5)
    sampler, reference = Sampler(sampling, len(logits)), WholeVocabulary(sampling, len(logits))
    for _ in range(20):
        assert sampler.sample(logits.copy()) == reference.sample(logits)
    sampler.close()
    reference.close()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of candidates of each run of a native chain."""
    applied: list[int] = []
    apply = llama_cpp.llama_sampler_apply

    def noted(chain: Any, array: Any) -> None:
        applied.append(array._obj.size)
        apply(chain, array)

    monkeypatch.setattr(llama_cpp, "llama_sampler_apply", noted)
    return applied


@pytest.mark.parametrize(
    ("sampling", "few"),
    [
        (Sampling(), True),
        (Sampling(top_k=20, top_p=0.9, min_p=0.05), True),
        (Sampling(logit_bias={3: 4.0}), True),
        (Sampling(repeat_penalty=1.2, presence_penalty=0.5), True),
        (Sampling(temperature=0.0, frequency_penalty=0.5), True),
        (Sampling(top_k=0, min_p=0.05), True),
        (Sampling(top_k=0), True),
        (Sampling(top_k=0, top_p=0.9, min_p=0.05), True),
        (Sampling(top_k=20_000), False),
    ],
)
def test_the_chain_runs_over_few_candidates_if_they_are_known(sizes: list[int], sampling: Sampling, few: bool) -> None:
    logits = np.random.default_rng(1).normal(0, 5, 50_000).astype(np.float32)
    sampler = Sampler(replace(sampling, seed=1), len(logits))
    for token in range(0, 2000, 50):
        sampler.accept(token)
    sampler.sample(logits)
    sampler.close()
    assert (max(sizes, default=0) < 300) is few


def test_masked_tokens_are_no_candidates(sizes: list[int]) -> None:
    logits = np.full(50_000, -np.inf, np.float32)
    logits[:30] = np.linspace(0, 1, 30)
    sampler = Sampler(Sampling(repeat_penalty=1.1), len(logits))
    sampler.accept(40_000)
    assert sampler.sample(logits) < 30
    sampler.close()
    assert max(sizes) == 30


def test_a_mask_that_leaves_one_token_leaves_no_choice() -> None:
    logits = np.full(5000, -np.inf, np.float32)
    logits[4321] = -30.0
    sampler = Sampler(Sampling(seed=1, repeat_penalty=1.5), len(logits))
    for _ in range(3):
        assert sampler.sample(logits.copy()) == 4321
    sampler.close()


def test_equal_logits_are_all_drawn() -> None:
    sampler = Sampler(Sampling(seed=1, top_k=4000), vocab_size=5000)
    logits = np.full(5000, -np.inf, np.float32)
    logits[[10, 2000, 4999]] = 1.0
    assert {sampler.sample(logits.copy()) for _ in range(60)} == {10, 2000, 4999}
    sampler.close()


@settings(deadline=None, max_examples=100)
@given(SAMPLINGS, rows(), st.integers(0, 2**32 - 1))
def test_a_sampler_that_takes_over_draws_as_the_first_one_would_have(
    sampling: Sampling, logits: list[Logits], seed: int
) -> None:
    """Some tokens are drawn and some forced; the second sampler only gets the tokens."""
    size, random = len(logits[0]), np.random.default_rng(seed)
    first = Sampler(sampling, size)
    cut = int(random.integers(0, len(logits) + 1))
    tokens: list[int] = []
    second = None
    for position, row in enumerate(logits):
        if position == cut:
            second = Sampler(sampling, size)
            for token in tokens:
                second.accept(token)
        tokens.append(first.sample(row.copy()))
        if second is not None:
            assert second.sample(row.copy()) == tokens[-1]
        if random.integers(0, 2):
            tokens.append(int(random.integers(0, size)))
            first.accept(tokens[-1])
            if second is not None:
                second.accept(tokens[-1])
    first.close()
    if second is not None:
        second.close()


def test_tokens_are_drawn_as_often_as_their_probability_says() -> None:
    """Random numbers by position are uniform, over positions and over seeds."""
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    count = 4000
    one = Sampler(Sampling(seed=11), len(logits))
    over_positions = [one.sample(logits.copy()) for _ in range(count)]
    one.close()
    over_seeds = []
    for seed in range(count):
        sampler = Sampler(Sampling(seed=seed), len(logits))
        over_seeds.append(sampler.sample(logits.copy()))
        sampler.close()
    for drawn in (over_positions, over_seeds):
        shares = np.bincount(drawn, minlength=4) / count
        assert np.abs(shares - [0.5, 0.3, 0.15, 0.05]).max() < 0.03  # four standard deviations


ROWS = st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=20).map(lambda row: np.array(row, np.float32))


@settings(deadline=None)
@given(ROWS)
def test_a_greedy_sampler_takes_the_largest_logit(logits: NDArray[np.float32]) -> None:
    sampler = Sampler(Sampling(temperature=0.0), vocab_size=len(logits))
    token = sampler.sample(logits)
    assert logits[token] == logits.max()
    sampler.accept(token)
    sampler.close()


def test_a_chain_can_be_closed_twice() -> None:
    sampler = Sampler(Sampling(temperature=0.8, seed=1, logit_bias={1: -5.0}, presence_penalty=0.5), vocab_size=8)
    sampler.accept(1)
    sampler.close()
    sampler.close()


@pytest.mark.parametrize("top_k", [0, 50])
def test_top_p_0_keeps_the_most_likely_token(top_k: int) -> None:
    sampler = Sampler(Sampling(temperature=5.0, top_k=top_k, top_p=0.0, seed=1), 1000)
    for seed in range(20):
        logits = np.random.default_rng(seed).normal(0, 1, 1000).astype(np.float32)
        assert sampler.sample(logits) == logits.argmax()
    sampler.close()


def test_a_sampler_that_is_dropped_frees_its_chains_once(monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[Any] = []
    monkeypatch.setattr(llama_cpp, "llama_sampler_free", freed.append)
    dropped = Sampler(Sampling(temperature=1.0, frequency_penalty=0.5), 100)
    closed = Sampler(Sampling(temperature=1.0, frequency_penalty=0.5), 100)
    closed.close()
    del dropped, closed
    assert len(freed) == 6  # its penalties, its samplers, and those that follow on top-p
