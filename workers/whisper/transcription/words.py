"""Give the words of a chunk, timed by the model's attention, to the pieces of text that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workers.whisper.transcription.timestamps import TimedText

MAX_STRAY_S = 0.5
"""A piece's first or last word may reach so far beyond the piece's own timestamps, and then moves them.

The attention of a word beside a pause tends to reach into the pause; where it reaches farther, it is cut off.
"""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word, the number of tokens it is made of, and its time in seconds from the chunk's beginning."""

    text: str
    tokens: int
    start_s: float
    end_s: float
    probability: float


def share_words(words: list[TimedWord], token_counts: list[int]) -> list[list[TimedWord]]:
    """Deal out ``words`` to pieces with so many text tokens each, in order."""
    shares: list[list[TimedWord]] = []
    rest = iter(words)
    for count in token_counts:
        share: list[TimedWord] = []
        while count > 0 and (word := next(rest, None)) is not None:
            count -= word.tokens
            if word.text:
                share.append(word)
        shares.append(share)
    return shares


def fit_words(piece: TimedText, words: list[TimedWord]) -> tuple[TimedText, list[TimedWord]]:
    """Bring a piece's times and those of its words into agreement."""
    if not words:
        return piece, words
    fitted = list(words)
    if fitted[0].start_s + MAX_STRAY_S < piece.start_s < fitted[0].end_s:
        fitted[0] = replace(fitted[0], start_s=piece.start_s)
    if fitted[-1].start_s < piece.end_s < fitted[-1].end_s - MAX_STRAY_S:
        fitted[-1] = replace(fitted[-1], end_s=piece.end_s)
    return replace(piece, start_s=fitted[0].start_s, end_s=fitted[-1].end_s), fitted
