"""Words in time, by where the decoder's attention was."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from workers.onnx.speech.alignment import best_path, starts_of, timed_words
from workers.onnx.speech.tokenizer import WordTokens


def highest_sum(gains: NDArray[np.float32]) -> float:
    """The highest sum of all paths from the first corner to the last."""

    @cache
    def best(row: int, column: int) -> float:
        before = [(row - 1, column - 1), (row - 1, column), (row, column - 1)]
        known = [best(*cell) for cell in before if min(cell) >= 0]
        return float(gains[row, column]) + (max(known) if known else 0.0)

    rows, columns = gains.shape
    return best(rows - 1, columns - 1)


def sum_of(gains: NDArray[np.float32], entered: NDArray[np.int64]) -> float:
    """The highest sum of a path that enters its rows at these columns: it may leave one where the next begins."""
    ends = [*entered[1:].tolist(), gains.shape[1]]
    total = 0.0
    for row, (first, end) in enumerate(zip(entered.tolist(), ends, strict=True)):
        stays = gains[row, first : max(first + 1, end)].sum()
        leaves_below = gains[row, first : end + 1].sum()
        total += float(max(stays, leaves_below))
    return total


def test_the_path_has_the_highest_sum() -> None:
    random = np.random.default_rng(0)
    for rows, columns in ((1, 1), (1, 6), (5, 5), (4, 12), (7, 30)):
        gains = random.normal(0, 1, (rows, columns)).astype(np.float32)
        entered = best_path(gains)
        assert entered[0] == 0
        assert (np.diff(entered) >= 0).all()
        assert np.isclose(sum_of(gains, entered), highest_sum(gains), atol=1e-4)


def test_tokens_begin_where_the_attention_goes_to() -> None:
    spans = [(0, 20), (20, 45), (45, 60), (80, 100)]
    attentions = np.full((2, len(spans) + 2, 100), 0.001, np.float32)
    for token, (begin, end) in enumerate(spans):
        attentions[:, 1 + token, begin:end] = 1.0
    starts = starts_of(attentions, skipped=1)
    assert len(starts) == len(spans)
    assert [abs(int(start) - begin) <= 2 for start, (begin, _) in zip(starts[:3], spans[:3], strict=True)] == [True] * 3
    assert 60 <= starts[3] <= 82


def test_words_take_the_times_of_their_tokens_and_their_neighbours_punctuation() -> None:
    words = [
        WordTokens(" “", [1]),
        WordTokens("Ask", [2, 3]),
        WordTokens(" not", [4]),
        WordTokens(",", [5]),
        WordTokens(" what", [6]),
        WordTokens("?", [7]),
        WordTokens("”", [8]),
    ]
    starts = np.arange(9) * 50
    probabilities = np.array([0.1, 0.4, 0.6, 0.5, 0.1, 0.9, 0.1, 0.1], np.float32)
    timed = timed_words(words, starts, probabilities)
    assert [(word.text, word.tokens, word.start_s, word.end_s, round(word.probability, 2)) for word in timed] == [
        (" “Ask", 3, 1.0, 3.0, 0.5),
        (" not,", 2, 3.0, 4.0, 0.5),
        (" what?”", 3, 5.0, 6.0, 0.9),
    ]
