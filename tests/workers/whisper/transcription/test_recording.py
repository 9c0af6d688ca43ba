"""The rest of a chunk is transcribed again if the model ends its text long before the speech ends."""

from __future__ import annotations

import numpy as np

from shared.wire.jobs import SpeechJob
from shared.wire.payloads import Segment
from workers.whisper.audio.notices import PreparedChunk
from workers.whisper.transcription.fallback import Attempt
from workers.whisper.transcription.recording import PendingChunk, Transcription

SAID = Segment(3, 100.0, 112.0, " Hello.", [1], 0.0, -0.1, 1.0, 0.0)


def chunk(*speech: tuple[float, float], silent: bool = False) -> PreparedChunk:
    """A chunk from 100 s to 130 s whose features count the frames."""
    features = np.tile(np.arange(3000, dtype=np.float32), (80, 1))
    return PreparedChunk(3, 100.0, 30.0, features, silent, speech)


def item(prepared: PreparedChunk) -> PendingChunk:
    transcription = Transcription("job", SpeechJob(), "en", [], 0.0)
    return PendingChunk(transcription, prepared, [Attempt(0.0, [1, 2], " Hello.", -0.1, 0.0)])


def test_speech_after_the_last_word_is_transcribed_again() -> None:
    first = item(chunk((100.0, 112.0), (120.0, 130.0)))
    rest = first.rest([SAID], 12.0)
    assert rest is not None
    assert (rest.chunk.index, rest.chunk.start_s, rest.chunk.duration_s) == (3, 112.0, 18.0)
    assert rest.chunk.features[0, :1800].tolist() == list(range(1200, 3000))
    assert set(rest.chunk.features[0, 1800:].tolist()) == {0.0}
    assert (rest.earlier, rest.attempts) == ([SAID], [])
    assert first.transcription.generated == 2


def test_the_rest_of_a_rest_keeps_all_earlier_segments() -> None:
    first = item(chunk((100.0, 130.0)))
    second = first.rest([SAID], 10.0)
    assert second is not None
    second.add_attempt(first.attempts[0], None)
    third = second.rest([SAID], 10.0)
    assert third is not None
    assert third.earlier == [SAID, SAID]
    assert third.chunk.start_s == 120.0


def test_little_speech_is_not_transcribed_again() -> None:
    assert item(chunk((100.0, 112.0), (128.5, 130.0))).rest([SAID], 12.0) is None


def test_without_voice_detection_no_rest_is_transcribed_again() -> None:
    assert item(chunk()).rest([SAID], 12.0) is None


def test_a_chunk_without_progress_is_not_transcribed_again() -> None:
    assert item(chunk((100.0, 130.0))).rest([], 0.5) is None


def test_the_rest_of_a_delivered_chunk_is_not_transcribed_again() -> None:
    assert item(chunk((100.0, 130.0), silent=True)).rest([], 12.0) is None
