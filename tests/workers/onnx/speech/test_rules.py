"""Which tokens may come next; a vocabulary of six words, the end (6), a special token (7) and timestamps from 8 on."""

from __future__ import annotations

import numpy as np

from workers.onnx.speech.rules import Logits, Rules

END, TIMES, VOCABULARY = 6, 8, 100
RULES = Rules(np.array([3, 7]), np.array([0, END]), END, TIMES)


def known(logits: Logits, *generated: list[int]) -> Logits:
    return RULES.log_probabilities(logits.copy(), list(generated))


def allowed(tokens: list[int], logits: Logits | None = None) -> set[int]:
    given = np.zeros((1, VOCABULARY), np.float32) if logits is None else logits
    return set(np.flatnonzero(np.isfinite(known(given, tokens)[0])).tolist())


def confident_of_text() -> Logits:
    """Logits by which text is likelier than all timestamps together."""
    logits = np.zeros((1, VOCABULARY), np.float32)
    logits[0, :TIMES] = 10.0
    return logits


def test_a_chunk_begins_with_a_timestamp_of_its_first_second() -> None:
    assert allowed([], confident_of_text()) == set(range(TIMES, TIMES + 51))


def test_after_the_first_timestamp_comes_text_but_neither_a_suppressed_token_nor_a_timestamp() -> None:
    assert allowed([TIMES + 1]) == {0, 1, 2, 4, 5, END}


def test_after_text_a_timestamp_is_not_before_the_last_one() -> None:
    assert allowed([TIMES + 4, 1], confident_of_text()) == {0, 1, 2, 4, 5, END, *range(TIMES + 5, VOCABULARY)}


def test_after_the_end_of_a_text_comes_the_beginning_of_the_next_or_the_end() -> None:
    logits = confident_of_text()
    assert allowed([TIMES, 1, TIMES + 4], logits) == {END, *range(TIMES + 4, VOCABULARY)}


def test_after_two_timestamps_comes_text() -> None:
    assert allowed([TIMES, 1, TIMES + 4, TIMES + 4]) == {0, 1, 2, 4, 5, END}


def test_timestamps_that_are_likelier_together_than_any_text_exclude_it() -> None:
    assert allowed([TIMES, 1]) == set(range(TIMES + 1, VOCABULARY))


def test_probabilities_are_those_of_the_tokens_that_may_come() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (3, VOCABULARY)).astype(np.float32)
    logits[:, :TIMES] += 5
    found = known(logits, [TIMES], [TIMES, 1], [TIMES, 1, 2])
    assert np.allclose(np.exp(found).sum(axis=-1), 1.0, atol=1e-5)
    text = [0, 1, 2, 4, 5, END]
    expected = logits[0, text] - np.log(np.exp(logits[0, text]).sum())
    assert np.allclose(found[0, text], expected, atol=1e-5)
