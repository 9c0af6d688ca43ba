"""From probabilities, one for every 32 ms, to stretches of speech."""

from __future__ import annotations

from workers.whisper.audio.pcm import SAMPLE_RATE, Region
from workers.whisper.audio.speech_regions import WINDOW_SAMPLES, find_regions
from workers.whisper.audio.voice_chunker import MAX_SPEECH_SAMPLES

WINDOWS_PER_S = SAMPLE_RATE / WINDOW_SAMPLES


def regions(*parts: tuple[float, float]) -> list[Region]:
    """The stretches found in parts of a length in seconds and a probability."""
    probabilities = [probability for seconds, probability in parts for _ in range(round(seconds * WINDOWS_PER_S))]
    return find_regions(probabilities, len(probabilities) * WINDOW_SAMPLES)


def in_s(found: list[Region]) -> list[tuple[float, float]]:
    return [(round(start / SAMPLE_RATE, 1), round(end / SAMPLE_RATE, 1)) for start, end in found]


def test_a_stretch_reaches_a_little_into_the_silence_around_it() -> None:
    assert in_s(regions((3.2, 0.1), (3.2, 0.9), (3.2, 0.1))) == [(2.8, 6.8)]


def test_a_stretch_does_not_reach_beyond_the_recording() -> None:
    assert in_s(regions((3.2, 0.9))) == [(0.0, 3.2)]


def test_neighbours_share_the_pause_between_them() -> None:
    (_, end), (start, _) = regions((3.2, 0.9), (0.64, 0.1), (3.2, 0.9))
    assert end == start
    assert in_s([(end, start)]) == [(3.5, 3.5)]


def test_a_short_pause_is_part_of_a_stretch() -> None:
    assert len(regions((3.2, 0.9), (0.128, 0.1), (3.2, 0.9))) == 1


def test_doubtful_sound_goes_on_with_what_was_before() -> None:
    assert len(regions((3.2, 0.9), (3.2, 0.4), (3.2, 0.9))) == 1
    assert regions((3.2, 0.1), (3.2, 0.4), (3.2, 0.1)) == []


def test_a_long_stretch_is_cut_at_its_last_short_pause() -> None:
    found = regions((16, 0.9), (0.16, 0.1), (6.4, 0.9), (0.16, 0.1), (16, 0.9))
    assert in_s(found) == [(0.0, 22.6), (22.6, 38.7)]


def test_a_long_stretch_without_a_pause_is_cut_anywhere() -> None:
    found = regions((64, 0.9))
    assert len(found) == 3
    assert max(end - start for start, end in found) <= MAX_SPEECH_SAMPLES
    assert sum(end - start for start, end in found) >= 63 * SAMPLE_RATE
