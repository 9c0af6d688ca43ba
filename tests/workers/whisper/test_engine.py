"""The whole speech engine in this process, with the weights of Whisper tiny.en."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.wire.jobs import SpeechJob, SpeechTask, TextJob
from shared.wire.payloads import Done, Failed, FinishReason, JobError, Recording, Started
from tests.support.workers.whisper_jobs import (
    JFK,
    JFK_WORDS,
    decoded,
    encoded,
    run,
    segments_of,
    silence,
    silent_video,
    submit,
    text_of,
    transcribe,
    wav,
    words_of,
)
from workers.engine import EngineJob
from workers.whisper.audio.pcm import SAMPLE_RATE
from workers.whisper.engine import WhisperEngine
from workers.whisper.factory import engine_of
from workers.whisper.options import WhisperOptions
from workers.whisper.transcription.fallback import Attempt
from workers.whisper.transcription.recording import PendingChunk
from workers.whisper.transcription.step import Transcriber

FORMATS = [
    ("mp3", "libmp3lame", 44_100),
    ("ipod", "aac", 44_100),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("wav", "pcm_s16le", 22_050),
]


def repeated(times: int) -> bytes:
    """The recording ``times`` times, with pauses that make each repetition its own chunk."""
    return wav(np.concatenate([decoded(JFK), silence(20)] * times))


@pytest.fixture
def one_by_one(english_folder: Path) -> Iterator[WhisperEngine]:
    """An engine that takes one chunk per step."""
    engine = engine_of(WhisperOptions(str(english_folder), "model", threads=2, max_batch=1))
    engine.load(lambda fraction: None)
    yield engine
    engine.close()


def test_a_recording_is_transcribed(engine: WhisperEngine) -> None:
    started, *segments, recording, done = transcribe(engine, JFK)
    assert started == Started(0, 0)
    assert words_of(segments) == JFK_WORDS
    assert text_of(segments).startswith(" And so")
    assert isinstance(recording, Recording)
    assert (recording.language, recording.language_probability, recording.duration_s) == ("en", 1.0, 11.0)
    assert 8 < recording.speech_s <= 11
    assert isinstance(done, Done)
    assert done.finish_reason is FinishReason.STOP
    assert done.completion_tokens == sum(len(segment.token_ids) for segment in segments_of(segments))
    assert done.ttft_s > 0


def test_segments_follow_each_other_within_the_recording(engine: WhisperEngine) -> None:
    segments = segments_of(transcribe(engine, repeated(2)))
    times = [time for segment in segments for time in (segment.start_s, segment.end_s)]
    assert times == sorted(times)
    assert [segment.chunk for segment in segments] == sorted(segment.chunk for segment in segments)
    second = [segment for segment in segments if segment.chunk == 1]
    assert words_of(second) == JFK_WORDS
    assert second[0].start_s == pytest.approx(31, abs=1)
    assert all(segment.temperature == 0 and -1 < segment.avg_logprob < 0 for segment in segments)


@pytest.mark.parametrize(("container", "codec", "rate"), FORMATS)
def test_the_format_does_not_change_the_text(engine: WhisperEngine, container: str, codec: str, rate: int) -> None:
    assert words_of(transcribe(engine, encoded(decoded(JFK), container, codec, rate))) == JFK_WORDS


def test_words_have_times(engine: WhisperEngine) -> None:
    segments = segments_of(transcribe(engine, repeated(2), SpeechJob(words=True)))
    for segment in segments:
        assert "".join(word.text for word in segment.words) == segment.text
        times = [time for word in segment.words for time in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert (segment.start_s, segment.end_s) == (times[0], times[-1])
        assert all(0 < word.probability <= 1 for word in segment.words)
    first_chunk = [word for segment in segments if segment.chunk == 0 for word in segment.words]
    assert {word.text.strip(" ,."): word for word in first_chunk}["Americans"].end_s == pytest.approx(2.2, abs=0.5)
    assert max(word.end_s for word in first_chunk) <= 11.5


def test_without_voice_detection_the_text_is_the_same(engine: WhisperEngine) -> None:
    sound = decoded(JFK)
    payloads = transcribe(engine, wav(np.concatenate([sound, silence(22), sound])), SpeechJob(vad=False))
    assert words_of(payloads) == f"{JFK_WORDS} {JFK_WORDS}"
    (recording,) = [payload for payload in payloads if isinstance(payload, Recording)]
    assert recording.speech_s == recording.duration_s == 44.0


def test_a_prompt_is_read_as_preceding_text(engine: WhisperEngine) -> None:
    plain, prompted = run(engine, (JFK, SpeechJob()), (JFK, SpeechJob(prompt="AMERICANS, ASK NOT! " * 100)))
    assert words_of(prompted) == JFK_WORDS
    assert segments_of(prompted)[0].avg_logprob != segments_of(plain)[0].avg_logprob


def test_a_given_temperature_is_used_for_the_only_attempt(engine: WhisperEngine) -> None:
    segments = segments_of(transcribe(engine, JFK, SpeechJob(temperature=0.2)))
    assert {segment.temperature for segment in segments} == {0.2}


def test_recordings_in_one_batch_get_the_same_texts_as_alone(engine: WhisperEngine) -> None:
    jobs = [(JFK, SpeechJob(beam_size=1 + index % 2, words=index % 3 == 0)) for index in range(4)]
    alone = [segments_of(run(engine, job)[0]) for job in jobs]
    together = [segments_of(payloads) for payloads in run(engine, *jobs)]
    assert [text_of(list(segments)) for segments in together] == [text_of(list(segments)) for segments in alone]
    assert [[segment.words for segment in each] for each in together] == [[s.words for s in each] for each in alone]


def test_recordings_share_steps(engine: WhisperEngine) -> None:
    transcribe(engine, JFK)
    steps = engine.stats().steps
    run(engine, *[(JFK, SpeechJob(beam_size=1))] * 5)
    assert engine.stats().steps - steps < 5


def test_a_short_recording_does_not_wait_for_a_long_one(one_by_one: WhisperEngine) -> None:
    submit(one_by_one, "long", repeated(20), SpeechJob(beam_size=1))
    chunks_before: set[int] = set()
    while not chunks_before:
        chunks_before |= {segment.chunk for _, segment in one_by_one.step() for segment in segments_of([segment])}
    submit(one_by_one, "short", JFK, SpeechJob())
    payloads: dict[str, list[object]] = {"long": [], "short": []}
    while not any(isinstance(payload, Done) for payload in payloads["short"]):
        for job_id, payload in one_by_one.step():
            payloads[job_id].append(payload)
    assert not any(isinstance(payload, Done) for payload in payloads["long"])
    assert len({segment.chunk for segment in payloads["long"] if hasattr(segment, "chunk")}) < 10


def test_a_cancelled_recording_is_dropped_before_the_next_batch(one_by_one: WhisperEngine) -> None:
    submit(one_by_one, "long", repeated(10), SpeechJob())
    while not any(segments_of([payload]) for _, payload in one_by_one.step()):
        pass
    assert one_by_one.stats().running == 1
    submit(one_by_one, "other", JFK, SpeechJob())
    one_by_one.cancel("long")
    one_by_one.cancel("unknown")
    heard = set()
    while one_by_one.has_work():
        heard |= {job_id for job_id, _ in one_by_one.step()}
    assert heard == {"other"}
    assert (one_by_one.stats().running, one_by_one.stats().waiting) == (0, 0)


def test_delivered_chunks_are_not_transcribed_again(engine: WhisperEngine) -> None:
    recording = repeated(3)
    whole = segments_of(transcribe(engine, recording))
    before = engine.stats().generated_tokens
    (resumed,) = run(engine, (recording, SpeechJob()), delivered=2)
    assert segments_of(resumed) == [segment for segment in whole if segment.chunk == 2]
    assert engine.stats().generated_tokens - before == sum(len(each.token_ids) for each in segments_of(resumed))
    (ended,) = run(engine, (recording, SpeechJob()), delivered=3)
    assert [type(payload) for payload in ended] == [Started, Recording, Done]


def test_delivered_chunks_are_not_sent_again_without_voice_detection(engine: WhisperEngine) -> None:
    recording = repeated(2)
    whole = segments_of(transcribe(engine, recording, SpeechJob(vad=False)))
    (resumed,) = run(engine, (recording, SpeechJob(vad=False)), delivered=1)
    assert segments_of(resumed) == [segment for segment in whole if segment.chunk >= 1]


def test_poor_text_is_retried_and_segments_stay_in_order(engine: WhisperEngine) -> None:
    sound = decoded(JFK)
    repeating = np.concatenate([sound, sound, sound[: 7 * SAMPLE_RATE], silence(20), sound])  # compresses too well
    steps = engine.stats().steps
    segments = segments_of(transcribe(engine, wav(repeating), SpeechJob(beam_size=1)))
    assert engine.stats().steps - steps > 2
    assert [segment.chunk for segment in segments] == sorted(segment.chunk for segment in segments)
    assert {segment.chunk for segment in segments} == {0, 1}


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("kept", [0, 1])
def test_a_sentence_that_the_model_passes_over_is_heard_again(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch, kept: int, words: bool
) -> None:
    whole = segments_of(transcribe(engine, JFK, SpeechJob(words=words)))
    assert len(whole) == 2
    attempt = Transcriber.attempt
    heard = []

    def pass_over_one(self: Transcriber, batch: list[PendingChunk]) -> list[Attempt]:
        found = attempt(self, batch)
        heard.append(batch[0].chunk.sound)
        if len(heard) == 1:
            batch[0].attempts[-1] = replace(found[0], tokens=whole[kept].token_ids)
        return found

    monkeypatch.setattr(Transcriber, "attempt", pass_over_one)
    segments = segments_of(transcribe(engine, JFK, SpeechJob(words=words)))
    assert len(heard) == 2
    assert words_of(segments) == JFK_WORDS
    times = [time for segment in segments for time in (segment.start_s, segment.end_s)]
    assert times == sorted(times)
    assert all(("".join(word.text for word in segment.words) == segment.text) is words for segment in segments)


def test_silence_has_no_text(engine: WhisperEngine) -> None:
    started, *segments, recording, done = transcribe(engine, wav(silence(40)))
    assert (started, segments) == (Started(0, 0), [])
    assert recording == Recording("en", 1.0, 40.0, 0.0)
    assert isinstance(done, Done)


@pytest.mark.parametrize("seconds", [0.01, 0.2])
@pytest.mark.parametrize("vad", [True, False])
def test_a_very_short_recording_is_transcribed(engine: WhisperEngine, seconds: float, vad: bool) -> None:
    loud = np.full(round(seconds * SAMPLE_RATE), 20_000, np.int16)
    assert isinstance(transcribe(engine, wav(loud), SpeechJob(vad=vad, words=True))[-1], Done)


def test_noise_has_no_text(engine: WhisperEngine) -> None:
    noise = np.random.default_rng(0).normal(0, 3000, 30 * SAMPLE_RATE).astype(np.int16)
    assert segments_of(transcribe(engine, wav(noise))) == []


def test_a_truncated_file_is_transcribed_up_to_where_it_breaks_off(engine: WhisperEngine) -> None:
    text = words_of(transcribe(engine, JFK[: len(JFK) * 6 // 10]))
    assert text.startswith("and so my fellow americans ask not")
    assert not text.endswith("do for your country")


@pytest.mark.parametrize("data", [b"", b"a letter, not a recording", b"#EXTM3U\n/etc/hostname\n", silent_video()])
def test_a_file_that_is_no_recording_fails_alone(engine: WhisperEngine, data: bytes) -> None:
    (failed,), good = run(engine, (data, SpeechJob()), (JFK, SpeechJob()))
    assert isinstance(failed, Failed)
    assert (failed.status, failed.param) == (415, "file")
    assert words_of(good) == JFK_WORDS


def test_a_failure_of_the_model_on_one_recording_leaves_the_others_running(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Transcriber.attempt

    def fail_on_one(self: Transcriber, batch: list[PendingChunk]) -> object:
        if any(item.job_id == "job1" for item in batch):
            raise RuntimeError("this one is too much")
        return attempt(self, batch)

    monkeypatch.setattr(Transcriber, "attempt", fail_on_one)
    first, second, third = run(engine, *[(JFK, SpeechJob())] * 3)
    assert words_of(first) == words_of(third) == JFK_WORDS
    assert isinstance(second[-1], Failed)
    assert second[-1].status == 500
    assert not engine.has_work()


def test_a_batch_that_fails_is_retried_chunk_by_chunk(english_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of(WhisperOptions(str(english_folder), "model", threads=2))
    engine.load(lambda fraction: None)
    attempt = Transcriber.attempt
    sizes = []

    def no_room_for_two(self: Transcriber, batch: list[PendingChunk]) -> object:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise RuntimeError("out of memory")
        return attempt(self, batch)

    monkeypatch.setattr(Transcriber, "attempt", no_room_for_two)
    results = run(engine, *[(JFK, SpeechJob())] * 4)
    engine.close()
    assert [words_of(payloads) for payloads in results] == [JFK_WORDS] * 4
    assert sum(size > 1 for size in sizes) <= 3  # each failure halves the maximum


def refused(engine: WhisperEngine, work: SpeechJob | TextJob) -> Failed:
    with pytest.raises(JobError) as error:
        engine.submit(EngineJob("refused", work, blobs=[memoryview(JFK)]))
    assert not engine.has_work()
    return error.value.failed


def test_other_kinds_of_job_are_refused(engine: WhisperEngine) -> None:
    failed = refused(engine, TextJob(prompt="hello"))
    assert (failed.status, failed.param) == (400, "model")


def test_translation_is_refused_by_an_english_model(engine: WhisperEngine) -> None:
    failed = refused(engine, SpeechJob(task=SpeechTask.TRANSLATE))
    assert (failed.status, failed.param) == (400, "model")
    assert "use a multilingual Whisper model" in failed.message


def test_another_language_is_refused_by_an_english_model(engine: WhisperEngine) -> None:
    failed = refused(engine, SpeechJob(language="de"))
    assert (failed.status, failed.param) == (400, "language")
    assert "'de'" in failed.message
    assert "expected 'en', got" in failed.message


def test_english_may_be_named(engine: WhisperEngine) -> None:
    assert words_of(transcribe(engine, JFK, SpeechJob(language="en"))) == JFK_WORDS
