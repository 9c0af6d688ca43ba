"""Assign the words of a chunk, timed by the model's attention, to the texts between timestamps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workers.whisper.transcription.timestamps import TimedText

MAX_STRAY_S = 0.5
"""How far a text's first or last word may reach beyond the text's timestamps; the timestamps then move to the word.

The attention of a word next to a pause tends to reach into the pause. A word that reaches farther is cut.
"""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word, its number of tokens, and its times in seconds from the beginning of the chunk."""

    text: str
    tokens: int
    start_s: float
    end_s: float
    probability: float


def share_words(words: list[TimedWord], token_counts: list[int]) -> list[list[TimedWord]]:
    """Assign ``words``, in order, to texts with ``token_counts`` text tokens each."""
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


def are_misplaced(text: TimedText, words: list[TimedWord]) -> bool:
    """Whether most words lie outside of their text, as when the model passed over other speech in the chunk."""
    begin_s, end_s = text.start_s - MAX_STRAY_S, text.end_s + MAX_STRAY_S
    outside = sum(not begin_s <= (word.start_s + word.end_s) / 2 <= end_s for word in words)
    return outside > len(words) / 2


def fit_words(text: TimedText, words: list[TimedWord]) -> tuple[TimedText, list[TimedWord]]:
    """Make the times of a text and of its words agree."""
    if not words:
        return text, words
    fitted = list(words)
    if fitted[0].start_s + MAX_STRAY_S < text.start_s < fitted[0].end_s:
        fitted[0] = replace(fitted[0], start_s=text.start_s)
    if fitted[-1].start_s < text.end_s < fitted[-1].end_s - MAX_STRAY_S:
        fitted[-1] = replace(fitted[-1], end_s=text.end_s)
    return replace(text, start_s=fitted[0].start_s, end_s=fitted[-1].end_s), fitted


def moved(words: list[TimedWord], by_s: float, begin_s: float, end_s: float) -> list[TimedWord]:
    """The words later by ``by_s``, within ``begin_s`` and ``end_s``."""

    def at(time_s: float) -> float:
        return min(max(time_s + by_s, begin_s), end_s)

    return [replace(word, start_s=at(word.start_s), end_s=at(word.end_s)) for word in words]
