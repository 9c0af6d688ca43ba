"""When words were said: by where the decoder's attention was while it wrote them.

The method is that of Whisper's reference implementation: of some heads' attentions, smoothed, the path through the
recording that fits best (dynamic time warping).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workers.onnx.speech.tokenizer import CLOSING, OPENING, WordTokens
from workers.whisper.transcription.words import TimedWord

FRAMES_PER_S = 50
"""The decoder attends to frames of 20 ms."""

SMOOTHED_FRAMES = 7

Matrix = NDArray[np.float32]

_DIAGONAL, _UP, _LEFT = range(3)


def starts_of(attentions: NDArray[np.float32], skipped: int) -> NDArray[np.int64]:
    """The frame at which each token begins, given the attentions, shape ``(heads, tokens, frames)``.

    The tokens are those that the model read; each frame belongs to the token that comes next. The first ``skipped``
    tokens have no place in the recording, and nothing comes after the last one.
    """
    shares = attentions / np.maximum(attentions.sum(axis=-1, keepdims=True), 1e-9)
    spread = np.maximum(shares.std(axis=-2, keepdims=True), 1e-9)
    focus = _smoothed((shares - shares.mean(axis=-2, keepdims=True)) / spread)
    return best_path(focus.mean(axis=0)[skipped:-1])


def best_path(gains: Matrix) -> NDArray[np.int64]:
    """The column at which the path enters each row, from the first corner to the last, with the highest sum.

    A path goes to the next row, to the next column, or to both. See https://en.wikipedia.org/wiki/Dynamic_time_warping.
    """
    rows, columns = gains.shape
    moves = np.full((rows + columns + 1, rows + 1), _LEFT, np.int8)
    before = np.full(rows + 1, np.inf, np.float32)  # of the diagonal before the last one
    before[0] = 0.0
    last = np.full(rows + 1, np.inf, np.float32)
    for diagonal in range(2, rows + columns + 1):
        row = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        choices = np.stack([before[row - 1], last[row - 1], last[row]])
        is_diagonal = (choices[0] < choices[1]) & (choices[0] < choices[2])
        is_up = (choices[1] < choices[0]) & (choices[1] < choices[2])
        moves[diagonal, row] = np.where(is_diagonal, _DIAGONAL, np.where(is_up, _UP, _LEFT))
        costs = np.full(rows + 1, np.inf, np.float32)
        costs[row] = choices.min(axis=0) - gains[row - 1, diagonal - row - 1]
        before, last = last, costs
    return _entered(moves, rows, columns)


def timed_words(
    words: list[WordTokens], starts: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> list[TimedWord]:
    """The words with their times; ``starts`` and ``probabilities`` are those of their tokens and of the end."""
    timed = []
    begin = 0
    for word in words:
        end = begin + len(word.tokens)
        start_s, end_s = (float(starts[at]) / FRAMES_PER_S for at in (begin, end))
        timed.append(TimedWord(word.text, len(word.tokens), start_s, end_s, float(probabilities[begin:end].mean())))
        begin = end
    return _with_closing(_with_opening(timed))


def _smoothed(attentions: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median of each frame and its neighbours."""
    if attentions.shape[-1] <= SMOOTHED_FRAMES // 2:
        return attentions
    reach = SMOOTHED_FRAMES // 2
    padded = np.pad(attentions, ((0, 0), (0, 0), (reach, reach)), mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTHED_FRAMES, axis=-1), axis=-1))


def _entered(moves: NDArray[np.int8], rows: int, columns: int) -> NDArray[np.int64]:
    """Follow the moves back from the end."""
    entered = np.zeros(rows, np.int64)
    row, column = rows, columns
    while row > 0 and column > 0:
        entered[row - 1] = column - 1
        move = moves[row + column, row]
        row -= move != _LEFT
        column -= move != _UP
    return entered


def _with_opening(words: list[TimedWord]) -> list[TimedWord]:
    """Opening punctuation belongs to the word after it."""
    joined: list[TimedWord] = []
    for word in reversed(words):
        if joined and word.text.startswith(" ") and word.text.strip() in OPENING:
            joined[-1] = _both(word, joined[-1], of=joined[-1])
        else:
            joined.append(word)
    return joined[::-1]


def _with_closing(words: list[TimedWord]) -> list[TimedWord]:
    """Closing punctuation belongs to the word before it."""
    joined: list[TimedWord] = []
    for word in words:
        if joined and not joined[-1].text.endswith(" ") and word.text in CLOSING:
            joined[-1] = _both(joined[-1], word, of=joined[-1])
        else:
            joined.append(word)
    return joined


def _both(first: TimedWord, second: TimedWord, of: TimedWord) -> TimedWord:
    return replace(of, text=first.text + second.text, tokens=first.tokens + second.tokens)
