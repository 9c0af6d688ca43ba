"""A multilingual model (Whisper base) detects languages and translates into English."""

from __future__ import annotations

import pytest

from shared.wire.jobs import SpeechJob, SpeechTask
from shared.wire.payloads import Done, JobError, Payload, Recording, Started
from tests.support.workers.whisper_jobs import (
    JFK,
    JFK_WORDS,
    SPANISH,
    run,
    segments_of,
    silence,
    text_of,
    transcribe,
    wav,
    words_of,
)
from workers.engine import EngineJob
from workers.whisper.engine import WhisperEngine

TRANSLATE = SpeechJob(task=SpeechTask.TRANSLATE)


def recording_of(payloads: list[Payload]) -> Recording:
    (recording,) = [payload for payload in payloads if isinstance(payload, Recording)]
    return recording


def test_languages_and_tasks_share_one_batch(multilingual: WhisperEngine) -> None:
    spanish, translated, english, silent = run(
        multilingual,
        (SPANISH, SpeechJob(words=True)),
        (SPANISH, TRANSLATE),
        (JFK, SpeechJob(words=True)),
        (wav(silence(3)), SpeechJob()),
    )
    assert recording_of(spanish).language == recording_of(translated).language == "es"
    assert 0.5 < recording_of(spanish).language_probability <= 1
    assert "La música es muy importante para mi familia" in text_of(spanish)
    assert "habla con los estudiantes de la universidad" in text_of(spanish).lower()
    assert "The music is very important for my family" in text_of(translated)
    assert "students of the university" in text_of(translated).lower()
    assert recording_of(english).language == "en"
    assert words_of(english) == JFK_WORDS
    for segment in segments_of(spanish) + segments_of(english):
        assert "".join(word.text for word in segment.words) == segment.text
    assert recording_of(silent) == Recording("und", 0.0, 3.0, 0.0)


def test_a_named_language_is_not_detected(multilingual: WhisperEngine) -> None:
    payloads = transcribe(multilingual, SPANISH, SpeechJob(language="es"))
    assert recording_of(payloads).language_probability == 1.0
    assert "muy importante" in text_of(payloads)


def test_a_timestamp_in_a_prompt_is_left_out(multilingual: WhisperEngine) -> None:
    model = multilingual._model
    assert model is not None
    assert model.text_of(model.prompt_tokens("one<|1.00|> two")) == " one two"
    assert max(model.prompt_tokens("one<|1.00|> two")) < model.timestamp_begin


def test_the_language_is_reported_even_if_all_text_was_delivered(multilingual: WhisperEngine) -> None:
    (payloads,) = run(multilingual, (SPANISH, SpeechJob()), delivered=1)
    assert [type(payload) for payload in payloads] == [Started, Recording, Done]
    assert recording_of(payloads).language == "es"


def test_an_unsupported_language_is_refused(multilingual: WhisperEngine) -> None:
    with pytest.raises(JobError) as error:
        multilingual.submit(EngineJob("refused", SpeechJob(language="tlh"), blobs=[memoryview(JFK)]))
    failed = error.value.failed
    assert (failed.status, failed.param) == (400, "language")
    assert "'tlh'" in failed.message
    assert " de, el, en, es," in failed.message
    assert " yue" not in failed.message  # only newer models support it
