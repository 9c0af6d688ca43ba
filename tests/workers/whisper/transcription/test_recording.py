"""Parts of a chunk whose speech has no text are heard again, and their text takes its place among the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from shared.wire.jobs import SpeechJob
from shared.wire.payloads import Segment
from workers.whisper.audio.notices import PreparedChunk, Span
from workers.whisper.transcription.fallback import Attempt
from workers.whisper.transcription.hearing import MAX_AGAIN
from workers.whisper.transcription.recording import PendingChunk, Transcription

GOOD = Attempt(0.0, [1, 2], " Hello.", -0.1, 0.0)
NOISE = Attempt(0.0, [1, 2], " Hello.", -0.9, 0.7)
SPOKEN: list[Span] = [(100.0, 109.0), (110.0, 119.0), (120.0, 130.0)]
"""Three sentences."""

Model = Callable[[Span], list[Segment]]


def said(start_s: float, end_s: float, text: str = "") -> Segment:
    """A segment with as much text as somebody says in its time."""
    return Segment(3, start_s, end_s, text or " hello" * round(end_s - start_s), [1], 0.0, -0.1, 1.0, 0.0)


def chunk(*speech: Span, silent: bool = False) -> PreparedChunk:
    """A chunk from 100 s to 130 s whose features count the frames."""
    features = np.tile(np.arange(3000, dtype=np.float32), (80, 1))
    return PreparedChunk(3, 100.0, 30.0, features, silent, speech)


def hear(
    prepared: PreparedChunk, model: Model, attempt: Attempt = GOOD, job: Transcription | None = None
) -> list[Span]:
    """Run a chunk through ``model`` until nothing is left; returns the parts heard again."""
    return [part.chunk.sound for part in heard_again(prepared, model, attempt, job)]


def heard_again(
    prepared: PreparedChunk, model: Model, attempt: Attempt = GOOD, job: Transcription | None = None
) -> list[PendingChunk]:
    item = PendingChunk(job or Transcription("job", SpeechJob(), "en", [], 0.0, ("", 1.0)), prepared)
    parts: list[PendingChunk] = []
    while True:
        item.add_attempt(attempt, None)
        following = item.heard(model(item.chunk.sound))
        if following is None:
            return parts
        parts.append(item := following)


@pytest.mark.parametrize("missing", range(3))
def test_a_sentence_that_the_model_passed_over_is_heard_again(missing: int) -> None:
    spans = []

    def model(sound: Span) -> list[Segment]:
        spans.append(sound)
        if len(spans) == 1:
            return [said(*span) for span in SPOKEN if span != SPOKEN[missing]]
        return [said(*sound)]

    parts = heard_again(chunk(*SPOKEN), model)
    assert spans[1:] == [SPOKEN[missing]]
    assert [(each.start_s, each.end_s) for each in parts[-1].hearing.segments] == SPOKEN


def test_all_missing_sentences_are_heard_again_and_keep_their_order() -> None:
    parts = heard_again(chunk(*SPOKEN), lambda sound: [said(*(SPOKEN[1] if sound[1] - sound[0] > 20 else sound))])
    assert [part.chunk.sound for part in parts] == [SPOKEN[0], SPOKEN[2]]
    assert [(each.start_s, each.end_s) for each in parts[-1].hearing.segments] == SPOKEN


def test_a_part_has_silence_around_its_sound() -> None:
    (part,) = heard_again(chunk(*SPOKEN), lambda sound: [said(100, 112) if sound[0] == 100 else said(*sound)])
    assert part.chunk.sound == (112, 130)
    assert (part.chunk.start_s, part.chunk.silence_s, part.chunk.duration_s) == (111.6, 0.4, 18.4)
    assert not part.chunk.features[0, :40].any()
    assert part.chunk.features[0, 40:1840].tolist() == list(range(1200, 3000))
    assert not part.chunk.features[0, 1840:].any()
    assert part.transcription.generated == 4


def test_a_text_far_too_short_for_its_speech_is_replaced_by_a_longer_one() -> None:
    parts = heard_again(chunk((100.0, 130.0)), lambda sound: [said(100, 115, " Hello."), said(115, 130)])
    assert [part.chunk.sound for part in parts] == [(100, 115)]
    parts = heard_again(
        chunk((100.0, 130.0)),
        lambda sound: [said(100, 115, " Hello."), said(115, 130)] if sound[1] == 130 else [said(*sound)],
    )
    assert [each.text.count("hello") for each in parts[-1].hearing.segments] == [15, 15]


@pytest.mark.parametrize("repeats", [False, True])
def test_what_follows_a_short_text_is_heard_alone_if_that_text_comes_again(repeats: bool) -> None:
    first = said(100, 130, " Please come back tomorrow.")

    def model(sound: Span) -> list[Segment]:
        follows = said(*sound, " Please come back tomorrow." * repeats + " hello" * 20)
        return [] if sound[1] < 102 else [first] if sound[0] < 101 else [follows]

    part, *_ = heard_again(chunk((100.0, 130.0)), model)
    assert part.chunk.sound == (101.3, 130.0)
    segments = [(each.start_s, each.end_s, each.text.count("tomorrow")) for each in part.hearing.segments]
    assert segments == ([(101.3, 130.0, 1)] if repeats else [(100.0, 101.3, 1), (101.3, 130.0, 0)])


def test_a_text_that_ends_early_again_is_continued_again() -> None:
    assert hear(chunk((100.0, 130.0)), lambda sound: [said(sound[0], min(sound[0] + 10, 130))]) == [
        (110, 130),
        (120, 130),
    ]


def test_the_parts_of_a_chunk_have_a_limit() -> None:
    parts = hear(chunk((100.0, 130.0)), lambda sound: [said(sound[0], sound[0] + 1.5)])
    assert len(parts) == MAX_AGAIN


def test_what_was_heard_in_vain_is_not_heard_a_third_time() -> None:
    parts = hear(chunk(*SPOKEN), lambda sound: [said(*SPOKEN[1])] if sound[1] - sound[0] > 20 else [])
    assert parts == [SPOKEN[0], SPOKEN[2]]


def test_parts_without_text_are_heard_again_in_few_chunks_only() -> None:
    job = Transcription("job", SpeechJob(), "en", [], 0.0, ("", 1.0))
    again = [
        hear(chunk(*SPOKEN), lambda sound: [said(*SPOKEN[1])] if sound[1] - sound[0] > 20 else [], job=job)
        for _ in range(50)
    ]
    assert sum(map(len, again)) == 12  # two, and one for every five chunks


def test_noise_is_not_heard_again() -> None:
    assert hear(chunk((100.0, 130.0)), lambda sound: [], NOISE) == []


def test_speech_without_any_text_is_heard_again_once_its_beginning_is_cut_off() -> None:
    assert hear(chunk((102.0, 128.0)), lambda sound: [] if sound[0] == 100 else [said(*sound)]) == [(102, 128)]


def test_little_speech_is_not_heard_again() -> None:
    assert hear(chunk((100.0, 112.0), (129.2, 130.0)), lambda sound: [said(100, 112)]) == []


def test_without_voice_detection_nothing_is_heard_again() -> None:
    assert hear(chunk(), lambda sound: [said(100, 112)]) == []


def test_a_delivered_chunk_is_not_heard_again() -> None:
    assert hear(chunk((100.0, 130.0), silent=True), lambda sound: [said(100, 112)]) == []
