"""Splitting at timestamp tokens: 1000 is 0.00 s, 1050 is 1.00 s; numbers below are text."""

from __future__ import annotations

from workers.whisper.transcription.timestamps import Split, TimedText, split_at_timestamps


def split(tokens: list[int], duration_s: float = 10.0, keep_tail: bool = True) -> Split:
    return split_at_timestamps(tokens, 1000, duration_s, keep_tail)


def test_two_timestamps_in_a_row_end_one_text_and_begin_another() -> None:
    texts = split([1000, 1, 2, 1050, 1050, 3, 1100]).texts
    assert texts == [TimedText(0.0, 1.0, [1000, 1, 2, 1050]), TimedText(1.0, 2.0, [1050, 3, 1100])]


def test_a_pause_between_texts_belongs_to_neither() -> None:
    texts = split([1000, 1, 1050, 1100, 2, 1150]).texts
    assert [(text.start_s, text.end_s) for text in texts] == [(0.0, 1.0), (2.0, 3.0)]


def test_a_single_timestamp_at_the_end_covers_the_whole_chunk() -> None:
    assert split([1000, 1, 1050, 1050, 2, 1100], keep_tail=False).heard_s == 10.0


def test_a_tail_is_kept_up_to_the_end_of_the_chunk() -> None:
    result = split([1000, 1, 1050, 1050, 2, 3])
    assert result.texts[-1] == TimedText(1.0, 10.0, [1050, 2, 3])
    assert result.heard_s == 10.0


def test_a_tail_is_left_to_the_next_chunk() -> None:
    result = split([1000, 1, 1050, 1050, 2, 3], keep_tail=False)
    assert [text.tokens for text in result.texts] == [[1000, 1, 1050]]
    assert result.heard_s == 1.0


def test_the_next_chunk_begins_at_a_pair_of_timestamps_at_the_end() -> None:
    assert split([1000, 1, 1050, 1050], keep_tail=False).heard_s == 1.0


def test_a_tail_is_kept_if_there_is_no_other_text() -> None:
    result = split([1000, 1, 2], keep_tail=False)
    assert result == Split([TimedText(0.0, 10.0, [1000, 1, 2])], 10.0)


def test_a_chunk_always_advances() -> None:
    assert split([1000, 1, 1001, 1001], keep_tail=False).heard_s == 10.0


def test_text_after_the_end_of_the_sound_is_dropped() -> None:
    result = split([1000, 1, 1500, 1500, 2, 1600], duration_s=9.0)
    assert result.texts == [TimedText(0.0, 9.0, [1000, 1, 1500])]


def test_no_tokens_give_no_texts() -> None:
    assert split([], keep_tail=False) == Split([], 10.0)
    assert split([1000, 1100], keep_tail=False) == Split([], 10.0)
