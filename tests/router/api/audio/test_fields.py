"""Fields of transcriptions and translations: what each may be, and the job that they become."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from router.schemas.audio import READ_PROMPT_CHARS
from shared.wire.jobs import SpeechJob, SpeechTask
from tests.support.requests.speech import (
    ROUTE,
    TRANSLATIONS,
    speech_broker,
    upload,
)


def job_of(path: str = ROUTE, **fields: Any) -> SpeechJob:
    """The job that a form becomes."""
    broker = speech_broker()
    response = upload(broker, path=path, **fields)
    assert response.status_code == 200, response.text
    (job,) = broker.jobs
    assert isinstance(job.request.work, SpeechJob)
    return job.request.work


def refused(response: httpx.Response, param: str) -> str:
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["param"] == param
    return str(error["message"])


def test_the_documented_defaults() -> None:
    assert job_of() == SpeechJob(SpeechTask.TRANSCRIBE, None, None, 0.0, 5, False, True)
    assert job_of(TRANSLATIONS) == SpeechJob(SpeechTask.TRANSLATE, None, None, 0.0, 5, False, True)


def test_fields_come_in_the_form_or_in_the_query() -> None:
    wanted = SpeechJob(SpeechTask.TRANSCRIBE, "de", "Herr Müller", 0.4, 2, False, False)
    fields = {"language": "de", "prompt": "Herr Müller", "temperature": "0.4", "beam_size": "2", "vad_filter": "false"}
    assert job_of(**fields) == wanted
    assert job_of(ROUTE + "?" + str(httpx.QueryParams(fields))) == wanted
    assert job_of(f"{ROUTE}?language=de", **fields) == wanted


def test_an_unknown_language_is_named() -> None:
    message = refused(upload(speech_broker(), language="klingon"), "language")
    assert message == "language: expected a code such as en, a name such as english, or auto, got 'klingon'"


@pytest.mark.parametrize("length", [4097, 900_000])
def test_a_long_prompt_is_cut_to_its_end(length: int) -> None:
    prompt = job_of(prompt="x" * length + " The end.").prompt
    assert prompt is not None
    assert prompt == ("x" * length + " The end.")[-READ_PROMPT_CHARS:]


def test_a_field_with_two_values_is_refused() -> None:
    message = refused(upload(speech_broker(), language=["en", "de"]), "language")
    assert message == "language: expected one value, got ['en', 'de']"
    assert job_of(language=["en", "en"]).language == "en"


def test_form_and_query_that_differ_are_refused() -> None:
    message = refused(upload(speech_broker(), path=f"{ROUTE}?language=de", language="en"), "language")
    assert message.startswith("language: got 'de' in the query string and 'en' in the form")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("EN", "en"),
        ("en-US", "en"),
        ("zh-CN", "zh"),
        ("zh_Hans", "zh"),
        ("yue", "yue"),
        ("nb", "no"),
        ("english", "en"),
        ("English", "en"),
        (" Haitian  Creole ", "ht"),
        ("mandarin", "zh"),
        ("lao", "lo"),
        ("auto", None),
        ("AUTO", None),
        ("", None),
    ],
)
def test_languages_are_codes_names_or_auto(given: str, code: str | None) -> None:
    assert job_of(language=given).language == code


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "klingon"),
        ("language", "e"),
        ("response_format", "docx"),
        ("temperature", "1.1"),
        ("temperature", "warm"),
        ("temperature", "nan"),
        ("beam_size", "0"),
        ("beam_size", "11"),
        ("beam_size", "2.5"),
        ("vad_filter", "perhaps"),
        ("stream", "maybe"),
        ("model", "x" * 300),
    ],
)
def test_unexpected_values_are_named(field: str, value: str) -> None:
    message = refused(upload(speech_broker(), fields={field: value}), field)
    assert message.startswith(f"{field}: ")
    assert ": expected " in message


@pytest.mark.parametrize(
    "spelling",
    [
        {"timestamp_granularities[]": ["segment", "word"]},
        {"timestamp_granularities": ["segment", "word"]},
        {"timestamp_granularities[0]": "word"},
        {"timestamp_granularities[0]": "segment", "timestamp_granularities[1]": "word"},
        {"timestamp_granularities": "segment, word"},
        {"timestamp_granularities[]": "word,"},
    ],
)
def test_times_of_words_are_asked_for_with_any_spelling_of_a_list(spelling: dict[str, Any]) -> None:
    fields = {"response_format": "verbose_json", **spelling}
    assert job_of(**fields).words
    assert job_of(ROUTE + "?" + str(httpx.QueryParams(fields))).words


def test_granularities_go_with_verbose_json_only() -> None:
    message = refused(
        upload(speech_broker(), fields={"timestamp_granularities[]": "word"}), "timestamp_granularities[]"
    )
    assert "expected response_format verbose_json, got json" in message


def test_an_unknown_granularity_is_refused() -> None:
    fields = {"timestamp_granularities[]": "syllable", "response_format": "verbose_json"}
    refused(upload(speech_broker(), fields=fields), "timestamp_granularities.0")


def test_translations_take_no_language() -> None:
    message = refused(upload(speech_broker(), path=TRANSLATIONS, language="de"), "language")
    assert "language: expected none" in message


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_not_streamed(form: str) -> None:
    assert f"got {form}" in refused(upload(speech_broker(), stream="true", response_format=form), "stream")
