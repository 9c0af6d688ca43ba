from __future__ import annotations

from workers.whisper.transcription.timestamps import TimedText
from workers.whisper.transcription.words import TimedWord, are_misplaced, fit_words, moved, share_words


def word(text: str, start_s: float, end_s: float, tokens: int = 1) -> TimedWord:
    return TimedWord(text, tokens, start_s, end_s, 0.9)


def test_words_are_assigned_by_their_tokens() -> None:
    words = [word(" one", 0, 1, tokens=2), word(" two.", 1, 2), word("", 2, 2, tokens=0), word(" three", 2, 3)]
    shares = share_words(words, [3, 1])
    assert [[each.text for each in share] for share in shares] == [[" one", " two."], [" three"]]


def test_a_text_without_tokens_gets_no_words() -> None:
    assert share_words([], [3, 1]) == [[], []]


def test_a_text_lasts_as_long_as_its_words() -> None:
    text, words = fit_words(TimedText(0.0, 4.0, [1]), [word(" one", 0.4, 1.0), word(" two", 1.0, 3.7)])
    assert (text.start_s, text.end_s) == (0.4, 3.7)
    assert [(each.start_s, each.end_s) for each in words] == [(0.4, 1.0), (1.0, 3.7)]


def test_a_word_that_reaches_far_into_a_pause_is_cut_at_the_text() -> None:
    text, words = fit_words(TimedText(3.0, 5.0, [1]), [word(" one", 0.4, 3.4), word(" two", 3.4, 9.0)])
    assert [(each.start_s, each.end_s) for each in words] == [(3.0, 3.4), (3.4, 5.0)]
    assert (text.start_s, text.end_s) == (3.0, 5.0)


def test_words_are_misplaced_if_most_of_them_lie_outside_of_their_text() -> None:
    text = TimedText(8.0, 11.0, [1])
    assert are_misplaced(text, [word(" one", 0.0, 1.0), word(" two", 1.0, 7.0), word(" three", 7.0, 11.0)])
    assert not are_misplaced(text, [word(" one", 6.0, 7.0), word(" two", 8.0, 9.0), word(" three", 9.0, 11.2)])
    assert not are_misplaced(text, [])


def test_words_are_moved_within_bounds() -> None:
    words = moved([word(" one", 0.0, 1.0), word(" two", 1.0, 4.0)], 7.6, 8.0, 11.0)
    assert [(each.start_s, each.end_s) for each in words] == [(8.0, 8.6), (8.6, 11.0)]
