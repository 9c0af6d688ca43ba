"""Whisper base says in ONNX what it says in faster-whisper, with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.jobs import SpeechJob, SpeechTask
from shared.wire.payloads import Payload, Recording
from tests.support.onnx.made_models import made_model
from tests.support.workers.whisper_jobs import (
    JFK,
    JFK_WORDS,
    SPANISH,
    decoded,
    join_whisper_base,
    run,
    segments_of,
    silence,
    text_of,
    transcribe,
    wav,
    words_of,
)
from workers.onnx.speech.factory import create
from workers.whisper.engine import WhisperEngine
from workers.whisper.factory import engine_of
from workers.whisper.options import WhisperOptions

JOBS = [
    (JFK, SpeechJob(words=True)),
    (SPANISH, SpeechJob(words=True)),
    (SPANISH, SpeechJob(task=SpeechTask.TRANSLATE)),
    (JFK, SpeechJob(prompt="A speech of the president.", beam_size=1, vad=False)),
]


@pytest.fixture(scope="module")
def onnx() -> Iterator[WhisperEngine]:
    path = made_model("whisper") / "onnx" / "encoder_model.onnx"
    model = ModelSettings(name="whisper", kinds=(JobKind.SPEECH,), engine="onnx-speech", path=str(path))
    engine = create(model, 2, "cpu")
    engine.load(lambda fraction: None)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[list[Payload]]:
    """What faster-whisper says."""
    folder = tmp_path_factory.mktemp("whisper-base")
    join_whisper_base(folder)
    engine = engine_of(WhisperOptions(str(folder), "whisper", threads=2, compute_type="float32"))
    engine.load(lambda fraction: None)
    found = run(engine, *JOBS)
    engine.close()
    return found


def recording_of(payloads: list[Payload]) -> Recording:
    (recording,) = [payload for payload in payloads if isinstance(payload, Recording)]
    return recording


def test_both_engines_say_the_same(onnx: WhisperEngine, expected: list[list[Payload]]) -> None:
    for found, known in zip(run(onnx, *JOBS), expected, strict=True):
        assert text_of(found) == text_of(known) != ""
        assert recording_of(found).language == recording_of(known).language
        assert recording_of(found).language_probability == pytest.approx(
            recording_of(known).language_probability, abs=0.005
        )
        for one, other in zip(segments_of(found), segments_of(known), strict=True):
            assert one.token_ids == other.token_ids
            assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s), abs=0.05)
            assert one.avg_logprob == pytest.approx(other.avg_logprob, abs=0.01)
            assert one.no_speech_prob == pytest.approx(other.no_speech_prob, abs=0.01)
            assert one.temperature == other.temperature
            for word, same in zip(one.words, other.words, strict=True):
                assert word.text == same.text
                assert (word.start_s, word.end_s) == pytest.approx((same.start_s, same.end_s), abs=0.05)
                assert word.probability == pytest.approx(same.probability, abs=0.02)


def test_recordings_share_steps(onnx: WhisperEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(onnx._batch_size), "limit", 4)
    steps = onnx.stats().steps
    texts = run(onnx, *[(JFK, SpeechJob(beam_size=2))] * 4)
    assert [words_of(payloads) for payloads in texts] == [JFK_WORDS] * 4
    assert onnx.stats().steps - steps < 4


def test_silence_has_no_text(onnx: WhisperEngine) -> None:
    assert segments_of(transcribe(onnx, wav(silence(3)))) == []


def test_delivered_chunks_are_not_transcribed_again(onnx: WhisperEngine) -> None:
    recording = wav(np.concatenate([decoded(JFK), silence(20), decoded(SPANISH)]))
    whole = segments_of(transcribe(onnx, recording, SpeechJob(language="en", beam_size=1)))
    (resumed,) = run(onnx, (recording, SpeechJob(language="en", beam_size=1)), delivered=1)
    assert segments_of(resumed) == [segment for segment in whole if segment.chunk >= 1] != []


def test_the_quantized_form_says_nearly_the_same() -> None:
    path = Path(made_model("whisper")) / "onnx" / "encoder_model_quantized.onnx"
    model = ModelSettings(name="whisper", kinds=(JobKind.SPEECH,), engine="onnx-speech", path=str(path))
    engine = create(model, 2, "cpu")
    engine.load(lambda fraction: None)
    english = transcribe(engine, JFK)
    engine.close()
    assert words_of(english) == JFK_WORDS
