"""Preparation of recordings, with stand-ins for decoder, detector and feature extractor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from shared.wire.payloads import Failed, JobError
from tests.support.workers.whisper_jobs import silence, wav
from workers.whisper.audio.decoder import AudioDecoder, not_audio
from workers.whisper.audio.notices import Features, Notice, Opened, Prepared, PreparedChunk
from workers.whisper.audio.pcm import SAMPLE_RATE, Region, Samples
from workers.whisper.audio.preparation import MAX_CHUNKS_AHEAD, Preparation, RecordingDecoder, Tools
from workers.whisper.audio.preparation_thread import PreparationThread
from workers.whisper.audio.voice_chunker import MAX_SPEECH_SAMPLES

MINUTE = 60 * SAMPLE_RATE
ANYBODY = ("", 1.0)


class Loud:
    """A recording of speech without a pause."""

    def __init__(self, samples: int) -> None:
        self._left = samples
        self.ended = False
        self.closed = False

    def read(self, samples: int) -> Samples:
        part = min(samples, self._left)
        self._left -= part
        self.ended = self._left == 0
        return np.ones(part, np.int16)

    def close(self) -> None:
        self.closed = True


def everything(samples: Samples) -> list[Region]:
    return [(at, min(at + MAX_SPEECH_SAMPLES, len(samples))) for at in range(0, len(samples), MAX_SPEECH_SAMPLES)]


def no_features(samples: Samples) -> Features:
    return np.zeros((1, 1), np.float32)


def tools(
    samples: int, detect: Callable[[Samples], list[Region]] = everything, decoders: list[RecordingDecoder] | None = None
) -> Tools:
    def open_recording(data: memoryview) -> RecordingDecoder:
        decoder = Loud(samples)
        if decoders is not None:
            decoders.append(decoder)
        return decoder

    return Tools(open_recording, detect, no_features)


def prepare(
    samples: int, vad: bool = True, delivered: int = 0, needs_one: bool = False, with_tools: Tools | None = None
) -> Preparation:
    return Preparation(memoryview(b"x"), vad, delivered, needs_one, with_tools or tools(samples))


def all_notices(preparation: Preparation) -> list[Notice]:
    notices: list[Notice] = []
    while preparation.runnable:
        notices += preparation.advance()
    return notices


@pytest.fixture
def thread() -> Iterator[PreparationThread]:
    started = PreparationThread()
    yield started
    started.close()


def collected(
    thread: PreparationThread, enough: Callable[[list[tuple[str, Notice]]], bool]
) -> list[tuple[str, Notice]]:
    """The notices of the thread until ``enough`` says that they suffice."""
    notices: list[tuple[str, Notice]] = []
    while not enough(notices):
        thread.wait(10)
        arrived = thread.collect()
        assert arrived, f"no more after {notices}"
        notices += arrived
    return notices


def test_a_recording_is_opened_cut_into_chunks_and_measured() -> None:
    first, *chunks, last = all_notices(prepare(MINUTE + SAMPLE_RATE))
    assert first == Opened()
    assert [chunk.duration_s for chunk in chunks if isinstance(chunk, PreparedChunk)] == [29.6, 29.6, 1.8]
    assert last == Prepared(61, 61)


def test_only_a_few_chunks_are_prepared_ahead() -> None:
    preparation = prepare(60 * MINUTE)
    ahead = 0
    while preparation.runnable:
        ahead += sum(isinstance(notice, PreparedChunk) for notice in preparation.advance())
        preparation.ahead = ahead
    assert ahead == MAX_CHUNKS_AHEAD


def test_delivered_chunks_are_skipped() -> None:
    chunks = [
        notice
        for notice in all_notices(prepare(4 * MAX_SPEECH_SAMPLES, delivered=3))
        if isinstance(notice, PreparedChunk)
    ]
    assert [(chunk.index, chunk.start_s, chunk.silent) for chunk in chunks] == [(3, 88.8, False)]


def test_if_all_chunks_are_delivered_the_last_one_serves_to_detect_the_language() -> None:
    notices = all_notices(prepare(2 * MAX_SPEECH_SAMPLES, delivered=2, needs_one=True))
    assert [(chunk.index, chunk.silent) for chunk in notices if isinstance(chunk, PreparedChunk)] == [(1, True)]
    assert not any(
        isinstance(notice, PreparedChunk) for notice in all_notices(prepare(2 * MAX_SPEECH_SAMPLES, delivered=2))
    )


def test_without_voice_detection_each_chunk_waits_for_the_one_before() -> None:
    preparation = prepare(MINUTE, vad=False, delivered=1)
    (first,) = [notice for notice in all_notices(preparation) if isinstance(notice, PreparedChunk)]
    assert (first.index, first.silent) == (0, True)
    preparation.next_start_s = 28.0
    (second,) = all_notices(preparation)
    assert isinstance(second, PreparedChunk)
    assert (second.index, second.start_s, second.silent) == (1, 28.0, False)
    preparation.next_start_s = 60.0
    assert all_notices(preparation) == [Prepared(60, 60)]


def test_a_file_without_sound_ends_its_preparation() -> None:
    def refuse(data: memoryview) -> RecordingDecoder:
        raise not_audio("it is a poem")

    preparation = prepare(0, with_tools=Tools(refuse, everything, no_features))
    (failed,) = all_notices(preparation)
    assert isinstance(failed, Failed)
    assert failed.status == 415


def test_recordings_are_prepared_in_turn(thread: PreparationThread) -> None:
    both_are_there = threading.Event()

    def detect(samples: Samples) -> list[Region]:
        assert both_are_there.wait(10)
        return everything(samples)

    thread.add("long", ANYBODY, prepare(0, with_tools=tools(60 * MINUTE, detect)))
    thread.add("short", ANYBODY, prepare(SAMPLE_RATE))
    both_are_there.set()
    notices = collected(thread, lambda so_far: any(isinstance(notice, Prepared) for _, notice in so_far))
    (end,) = [at for at, (_, notice) in enumerate(notices) if isinstance(notice, Prepared)]
    assert notices[end][0] == "short"
    assert sum(job_id == "long" for job_id, _ in notices[:end]) <= 4


def test_a_users_only_recording_is_prepared_before_the_others_of_another_user(thread: PreparationThread) -> None:
    all_are_there = threading.Event()

    def detect(samples: Samples) -> list[Region]:
        assert all_are_there.wait(10)
        return everything(samples)

    for number in range(3):
        thread.add(f"heavy {number}", ("heavy", 1.0), prepare(0, with_tools=tools(SAMPLE_RATE, detect)))
    thread.add("light", ("light", 1.0), prepare(SAMPLE_RATE))
    all_are_there.set()
    notices = collected(thread, lambda so_far: sum(isinstance(notice, Prepared) for _, notice in so_far) == 4)
    assert [job_id for job_id, notice in notices if isinstance(notice, Prepared)].index("light") <= 1


def test_a_chunk_that_the_model_takes_is_replaced(thread: PreparationThread) -> None:
    thread.add("long", ANYBODY, prepare(60 * MINUTE))
    collected(thread, lambda so_far: len(so_far) == 1 + MAX_CHUNKS_AHEAD)
    thread.taken("long")
    ((_, chunk),) = collected(thread, bool)
    assert isinstance(chunk, PreparedChunk)
    assert chunk.index == MAX_CHUNKS_AHEAD


def test_a_dropped_recording_gives_no_more_notices(thread: PreparationThread) -> None:
    listening, dropped = threading.Event(), threading.Event()
    decoders: list[RecordingDecoder] = []

    def detect(samples: Samples) -> list[Region]:
        listening.set()
        assert dropped.wait(10)
        return everything(samples)

    thread.add("gone", ANYBODY, prepare(0, with_tools=tools(SAMPLE_RATE, detect, decoders)))
    assert listening.wait(10)
    thread.drop("gone")
    thread.add("next", ANYBODY, prepare(SAMPLE_RATE))
    dropped.set()
    notices = collected(thread, lambda so_far: any(isinstance(notice, Prepared) for _, notice in so_far))
    assert {job_id for job_id, _ in notices} == {"next"}
    assert [decoder.closed for decoder in decoders if isinstance(decoder, Loud)] == [True]


def test_an_unexpected_error_fails_one_recording_only(thread: PreparationThread) -> None:
    def fail(samples: Samples) -> list[Region]:
        raise RuntimeError("a defect")

    thread.add("broken", ANYBODY, prepare(0, with_tools=tools(SAMPLE_RATE, fail)))
    thread.add("whole", ANYBODY, prepare(SAMPLE_RATE))
    notices = collected(thread, lambda so_far: any(isinstance(notice, Prepared) for _, notice in so_far))
    (failed,) = [notice for _, notice in notices if isinstance(notice, Failed)]
    assert failed.status == 500
    assert [job_id for job_id, notice in notices if isinstance(notice, Prepared)] == ["whole"]


def test_a_recording_that_is_dropped_while_it_waits_is_closed_at_once(thread: PreparationThread) -> None:
    decoders: list[RecordingDecoder] = []
    data = bytearray(100)
    waiting = Preparation(memoryview(data), True, 0, False, tools(20 * MINUTE, decoders=decoders))
    thread.add("long", ANYBODY, waiting)
    collected(thread, lambda notices: sum(isinstance(notice, PreparedChunk) for _, notice in notices) >= 8)
    thread.drop("long")
    (decoder,) = decoders
    assert isinstance(decoder, Loud)
    assert decoder.closed
    data.clear()  # impossible as long as anybody looks at the bytes


def test_closing_a_decoder_frees_the_file() -> None:
    data = bytearray(wav(silence(1.0)))
    decoder = AudioDecoder(memoryview(data))
    decoder.read(1000)
    decoder.close()
    data.clear()  # impossible as long as anybody looks at the bytes


def test_a_file_that_cannot_be_opened_is_freed() -> None:
    data = bytearray(b"no recording" * 100)
    with pytest.raises(JobError):
        AudioDecoder(memoryview(data))
    data.clear()
