"""Counting the faults that the bound would let pass, and how far close candidates move."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.chaos.arithmetic import mistaken, moved
from scripts.chaos.expected import ReferenceText

WORDS = ["one", "two", "three", "four"]


def reference(candidates: list[dict[str, float]]) -> ReferenceText:
    return ReferenceText("".join(WORDS), WORDS, candidates)


def test_faults_are_found_if_the_next_word_was_unlikely() -> None:
    sure = [{word: -0.1, **{other: -9.0 for other in WORDS if other != word}} for word in WORDS]
    assert mistaken([reference(sure)]) == (0, 8)


def test_faults_are_accepted_if_the_next_word_was_as_likely() -> None:
    unsure = [dict.fromkeys(WORDS, -1.4) for _ in WORDS]
    passed, count = mistaken([reference(unsure)])
    assert (passed > 0, count) == (True, 8)


def test_a_candidate_that_caught_up_has_moved_by_its_distance() -> None:
    before = np.log(np.array([[0.5, 0.3, 0.1, 0.05, 0.03, 0.02]], np.float64))
    after = np.log(np.array([[0.4, 0.4, 0.1, 0.05, 0.03, 0.02]], np.float64))
    assert moved([before], [after]).tolist() == [pytest.approx(np.log(5 / 3))]
