"""What followed the last tokens before is found again."""

from __future__ import annotations

import random

import pytest

from workers.text.speculation import lookup
from workers.text.speculation.lookup import Lookup, TokenIndex


def test_a_text_is_continued_from_where_its_last_tokens_were_before() -> None:
    tokens = [1, 2, 3, 4, 5, 6, 9, 2, 3, 4]
    index = TokenIndex(tokens)
    assert index.follow()
    found = index.find(tokens, 3)
    assert found is not None
    assert (found.tokens, found.matched) == ([5, 6, 9], 3)


def test_the_longest_match_wins_over_the_latest() -> None:
    tokens = [7, 1, 2, 3, 4, 8, 1, 2, 3, 5, 7, 1, 2, 3]
    index = TokenIndex(tokens)
    index.follow()
    found = index.find(tokens, 1)
    assert found is not None
    assert (found.tokens, found.matched) == ([4], 4)


def test_a_text_that_repeats_itself_goes_on_so() -> None:
    tokens = [9, 1, 2, 3, 1, 2, 3]
    index = TokenIndex(tokens)
    index.follow()
    found = index.find(tokens, 7)
    assert found is not None
    assert found.tokens == [1, 2, 3, 1, 2, 3, 1]


def test_nothing_is_found_in_a_text_without_repetition() -> None:
    tokens = list(range(50))
    index = TokenIndex(tokens)
    index.follow()
    assert index.find(tokens, 4) is None


def test_a_growing_text_is_indexed_as_if_it_had_been_there_at_once() -> None:
    random.seed(1)
    text = [random.randrange(4) for _ in range(300)]
    growing = list[int]()
    index = TokenIndex(growing)
    for token in text:
        growing.append(token)
        index.follow()
        whole = TokenIndex(growing)
        whole.follow()
        assert index.find(growing, 5) == whole.find(growing, 5)


def test_a_long_prompt_is_indexed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "INDEXED_PER_STEP", 10)
    index = TokenIndex([5] * 25)
    assert [index.follow() for _ in range(3)] == [False, False, True]


def test_a_prediction_is_followed_from_its_beginning_and_found_again_after_a_change() -> None:
    prompt, prediction = [50, 51, 52], [1, 2, 3, 4, 5, 6, 7, 8]
    tokens = list(prompt)
    guesses = Lookup(tokens, len(prompt), prediction)
    drawn = [1, 2, 99, 4, 5, 6, 7]
    seen = []
    for token in drawn:
        seen.append(next((found.tokens[0] for found, predicted in guesses.find(1) if predicted), None))
        tokens.append(token)
    assert seen == [1, 2, 3, None, None, None, 7]


def test_what_was_said_before_is_found_beside_the_prediction() -> None:
    tokens = [50, 51, 52]
    guesses = Lookup(tokens, len(tokens), [1, 2, 3, 4, 9])
    tokens += [1, 2, 3, 4, 5, 1, 2, 3, 4]
    assert [(found.tokens[0], predicted) for found, predicted in guesses.find(1)] == [(9, True), (5, False)]
