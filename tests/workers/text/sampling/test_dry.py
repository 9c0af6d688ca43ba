"""DRY is llama.cpp's sampler of that name: the same penalties for the same tokens of a real vocabulary."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from shared.wire.jobs import Sampling
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.llama.native.vocabulary_file import read_vocabulary
from workers.text.sampling.dry import RepetitionPenalty, has_dry

DRY = Sampling(dry_multiplier=0.8)
TEXT = 'He said: "one, two, three". She said: "one, two, three, four".\nHe said: "one, two, three'


class NativeDry:
    """llama.cpp's own sampler."""

    def __init__(self, sampling: Sampling, vocabulary: LlamaVocabulary) -> None:
        breakers = [text.encode() for text in sampling.dry_sequence_breakers]
        self._native = llama_cpp.llama_sampler_init_dry(
            vocabulary._vocab,
            sampling.dry_multiplier,
            sampling.dry_base,
            sampling.dry_allowed_length,
            sampling.dry_penalty_last_n,
            (ctypes.c_char_p * len(breakers))(*breakers),
            len(breakers),
        )

    def accept(self, token: int) -> None:
        llama_cpp.llama_sampler_accept(self._native, token)

    def apply(self, logits: NDArray[np.float32]) -> None:
        memory = np.zeros(len(logits), np.dtype(llama_cpp.llama_token_data))
        memory["id"], memory["logit"] = np.arange(len(logits)), logits
        pointer = memory.ctypes.data_as(llama_cpp.llama_token_data_p)
        array = llama_cpp.llama_token_data_array(pointer, len(logits), -1, False)
        llama_cpp.llama_sampler_apply(self._native, ctypes.byref(array))
        logits[:] = memory["logit"]

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._native)


@pytest.fixture(scope="module")
def vocabulary(model_path: Path) -> LlamaVocabulary:
    return read_vocabulary(str(model_path))


def assert_equal_penalties(
    sampling: Sampling, vocabulary: LlamaVocabulary, prompt: list[int], answer: list[int]
) -> float:
    """Compares before each token, and returns the largest penalty."""
    native, ours = NativeDry(sampling, vocabulary), RepetitionPenalty(sampling, vocabulary, prompt)
    for token in prompt:
        native.accept(token)
    largest = 0.0
    for token in [*answer, 0]:
        expected, got = np.zeros(vocabulary.size, np.float32), np.zeros(vocabulary.size, np.float32)
        native.apply(expected)
        ours.apply(got)
        assert np.array_equal(got, expected)
        largest = max(largest, float(-got.min()))
        native.accept(token)
        ours.accept(token)
    native.close()
    return largest


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([1.0, 1.2, 1.75]),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([1, 3, 16, 64, 3000]),
    st.sampled_from([("\n", ":", '"', "*"), (",",), ("three.", "ou"), ('said: "one',)]),
    st.integers(0, 2**32 - 1),
)
def test_penalties_are_llama_cpps(
    vocabulary: LlamaVocabulary, base: float, allowed: int, last_n: int, breakers: tuple[str, ...], seed: int
) -> None:
    sampling = replace(
        DRY, dry_base=base, dry_allowed_length=allowed, dry_penalty_last_n=last_n, dry_sequence_breakers=breakers
    )
    random = np.random.default_rng(seed)
    words = vocabulary.tokenize(TEXT, False, False)
    parts = [words[begin : begin + int(random.integers(1, 9))] for begin in random.integers(0, len(words), 30)]
    tokens = [token for part in parts for token in part]
    cut = int(random.integers(0, len(tokens)))
    assert_equal_penalties(sampling, vocabulary, tokens[:cut], tokens[cut:])


def test_a_repetition_of_the_prompt_is_penalised(vocabulary: LlamaVocabulary) -> None:
    prompt = vocabulary.tokenize("red green blue white black. red green blue", False, False)
    assert assert_equal_penalties(DRY, vocabulary, prompt, []) > 0.8


def test_no_repetition_goes_beyond_a_breaker(vocabulary: LlamaVocabulary) -> None:
    prompt = vocabulary.tokenize("red green blue: white. red green blue:", False, False)
    assert assert_equal_penalties(DRY, vocabulary, prompt, []) == 0.0


def test_a_text_that_repeats_one_token_is_penalised_without_overflow(vocabulary: LlamaVocabulary) -> None:
    sampling = replace(DRY, dry_multiplier=100.0, dry_base=100.0, dry_penalty_last_n=-1)
    penalty = RepetitionPenalty(sampling, vocabulary, [7] * 300)
    logits = np.zeros(vocabulary.size, np.float32)
    penalty.apply(logits)
    assert -np.inf < logits[7] < -1e20
    assert np.count_nonzero(logits) == 1


@pytest.mark.parametrize(
    ("sampling", "expected"), [(Sampling(), False), (DRY, True), (replace(DRY, dry_penalty_last_n=0), False)]
)
def test_it_is_off_by_default(sampling: Sampling, expected: bool) -> None:
    assert has_dry(sampling) is expected
