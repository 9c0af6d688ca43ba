"""How recordings are cut into chunks. The detector treats every sample above 0 as speech."""

from __future__ import annotations

import numpy as np
import pytest

from workers.whisper.audio.pcm import CHUNK_SAMPLES, SAMPLE_RATE, Chunk, Region, SampleBuffer, Samples
from workers.whisper.audio.sequential_chunker import SequentialChunker
from workers.whisper.audio.voice_chunker import MAX_SPEECH_SAMPLES, VoiceChunker

WINDOW_S = 60


def loud(samples: Samples) -> list[Region]:
    """The stretches above 0, no longer than a chunk has room for."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (samples > 0).astype(np.int8), [0]])))
    regions: list[Region] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        regions += [(cut, min(cut + MAX_SPEECH_SAMPLES, end)) for cut in range(start, end, MAX_SPEECH_SAMPLES)]
    return regions


def recording(seconds: float, *speech: tuple[float, float]) -> Samples:
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.int16)
    for start_s, end_s in speech:
        samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)] = 1
    return samples


def chunks_of(samples: Samples, arriving_s: float = 7.3) -> list[Chunk]:
    """The chunks of a recording that is added in steps of ``arriving_s`` seconds."""
    chunker = VoiceChunker(loud, window_samples=WINDOW_S * SAMPLE_RATE)
    step = round(arriving_s * SAMPLE_RATE)
    arriving = iter([samples[at : at + step] for at in range(0, len(samples), step)])
    chunks: list[Chunk] = []
    while not chunker.exhausted:
        if chunker.wants_audio:
            part = next(arriving, None)
            chunker.finish() if part is None else chunker.add(part)
        if (chunk := chunker.take()) is not None:
            chunks.append(chunk)
    assert chunker.speech_samples == np.count_nonzero(samples)
    return chunks


def spans(chunks: list[Chunk]) -> list[tuple[float, float]]:
    return [(chunk.start_s, round(chunk.start_s + chunk.duration_s, 3)) for chunk in chunks]


def test_neighbouring_speech_becomes_one_chunk_with_the_silence_between() -> None:
    chunks = chunks_of(recording(40, (2, 5), (8, 12), (25, 29)))
    assert spans(chunks) == [(1.6, 29)]
    assert chunks[0].samples.tolist() == recording(40, (2, 5), (8, 12), (25, 29))[25_600 : 29 * 16000].tolist()


def test_a_chunk_is_no_longer_than_thirty_seconds() -> None:
    assert spans(chunks_of(recording(50, (0, 12), (13.5, 29), (29.5, 31), (40, 45)))) == [(0, 29), (29.1, 45)]


def test_a_full_chunk_ends_at_the_longest_pause_of_its_last_third() -> None:
    assert spans(chunks_of(recording(50, (0, 10), (11.5, 21), (22, 25), (25.3, 29), (29.5, 40)))) == [
        (0, 21),
        (21.6, 40),
    ]


def test_a_full_chunk_ends_sooner_at_a_long_pause() -> None:
    assert spans(chunks_of(recording(50, (0, 10), (18, 21), (22, 25), (25.3, 40)))) == [(0, 10), (17.6, 40)]


def test_a_chunk_knows_its_stretches_of_speech() -> None:
    (chunk,) = chunks_of(recording(40, (2, 5), (8, 12)))
    assert chunk.speech == ((32_000, 80_000), (128_000, 192_000))


def test_speech_at_the_end_of_a_window_is_detected_again_in_the_next() -> None:
    assert spans(chunks_of(recording(90, (10, 20), (55, 70)))) == [(9.6, 20), (54.6, 70)]


def test_a_chunk_may_reach_from_one_window_into_the_next() -> None:
    assert spans(chunks_of(recording(90, (45, 52), (63, 70)))) == [(44.6, 70)]


@pytest.mark.parametrize("arriving_s", [0.7, 13.0, 500.0])
def test_chunks_do_not_depend_on_how_the_recording_arrives(arriving_s: float) -> None:
    generator = np.random.default_rng(1)
    edges = np.cumsum(generator.uniform(0.5, 9.0, size=120))
    samples = recording(edges[-1] + 3, *zip(edges[::2], edges[1::2], strict=True))
    chunks = chunks_of(samples, arriving_s)
    assert spans(chunks) == spans(chunks_of(samples))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    covered = np.zeros(len(samples), bool)
    for chunk in chunks:
        assert chunk.samples.tolist() == samples[chunk.start : chunk.start + len(chunk.samples)].tolist()
        assert len(chunk.samples) <= CHUNK_SAMPLES
        covered[chunk.start : chunk.start + len(chunk.samples)] = True
    assert covered[samples > 0].all()


def test_a_chunk_begins_before_its_speech_with_sound_of_its_own() -> None:
    assert spans(chunks_of(recording(100, (0.3, 29), (29.2, 40), (50, 79.2)))) == [(0, 29), (29, 40), (49.6, 79.2)]


def test_speech_without_a_pause_is_cut_into_chunks_with_room_for_a_lead_in() -> None:
    assert spans(chunks_of(recording(100, (0, 100)))) == [(0, 29.6), (29.6, 59.2), (59.2, 88.8), (88.8, 100)]


def test_silence_has_no_chunks() -> None:
    assert chunks_of(recording(200)) == []


def test_a_sequential_chunk_begins_where_the_previous_text_ended() -> None:
    chunker = SequentialChunker()
    chunker.add(recording(40, (0, 40)))
    first = chunker.take()
    assert first is not None
    assert chunker.waits
    assert chunker.take() is None
    chunker.continue_at(round(26.5 * SAMPLE_RATE))
    assert chunker.wants_audio
    chunker.finish()
    second = chunker.take()
    assert second is not None
    assert spans([first, second]) == [(0, 30), (26.5, 40)]
    chunker.continue_at(40 * SAMPLE_RATE)
    assert chunker.exhausted


def test_samples_that_were_dropped_cannot_be_read() -> None:
    buffer = SampleBuffer()
    buffer.append(np.arange(10, dtype=np.int16))
    buffer.drop_before(4)
    buffer.append(np.arange(10, 15, dtype=np.int16))
    assert buffer.between(4, 12).tolist() == list(range(4, 12))
    with pytest.raises(ValueError, match="sample 3 was dropped"):
        buffer.between(3, 5)
