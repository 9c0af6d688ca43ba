"""Answers of transcriptions and translations."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from msgspec.structs import replace

from shared.wire.payloads import Failed, Recording, Started
from tests.support.requests.speech import (
    DONE,
    FIRST,
    RECORDING,
    ROUTE,
    TRANSLATIONS,
    speech_broker,
    upload,
)
from tests.support.router.client import ask, serving
from tests.support.router.fake_broker import MODEL, FakeBroker

NAMED = {"model": MODEL.name}


def events_of(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_json() -> None:
    assert upload(speech_broker()).json() == {
        "text": " And so my fellow Americans.",
        "usage": {"type": "duration", "seconds": 63},
    }


@pytest.mark.parametrize(("duration_s", "seconds"), [(0.0, 0), (0.1, 1), (11.0, 11), (11.0000625, 11), (11.002, 12)])
def test_a_second_counts_once_it_has_begun(duration_s: float, seconds: int) -> None:
    broker = speech_broker()
    broker.script = [Started(0, 0), FIRST, Recording("en", 1.0, duration_s, 0.0), DONE]
    assert upload(broker).json()["usage"] == {"type": "duration", "seconds": seconds}


def test_text() -> None:
    response = upload(speech_broker(), response_format="text")
    assert response.text == "And so my fellow Americans.\n"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_subtitles() -> None:
    response = upload(speech_broker(), response_format="srt")
    assert response.headers["content-type"] == "application/x-subrip; charset=utf-8"
    assert response.text == (
        "1\n00:00:00,000 --> 00:00:01,500\nAnd so\n\n2\n00:01:01,500 --> 00:01:02,000\nmy fellow Americans.\n\n"
    )
    response = upload(speech_broker(), response_format="vtt")
    assert response.headers["content-type"] == "text/vtt; charset=utf-8"
    assert response.text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nAnd so\n\n")


def test_verbose_json() -> None:
    answer = upload(speech_broker(), response_format="verbose_json").json()
    first = answer["segments"][0]
    assert first == {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": 1.5,
        "text": " And so",
        "tokens": [1, 2],
        "temperature": 0.0,
        "avg_logprob": -0.25,
        "compression_ratio": 1.25,
        "no_speech_prob": 0.125,
    }
    assert (answer["segments"][1]["id"], answer["segments"][1]["seek"]) == (1, 6150)
    del answer["segments"]
    assert answer == {
        "task": "transcribe",
        "language": "english",
        "language_probability": 0.9877,
        "duration": 62.25,
        "text": " And so my fellow Americans.",
        "usage": {"type": "duration", "seconds": 63},
    }


def test_a_request_that_names_a_model_gets_the_text_without_the_space_before_it() -> None:
    assert upload(speech_broker(), fields=NAMED).json()["text"] == "And so my fellow Americans."
    answer = upload(speech_broker(), fields={**NAMED, "response_format": "verbose_json"}).json()
    assert answer["text"] == "And so my fellow Americans."
    assert [segment["text"] for segment in answer["segments"]] == [" And so", " my fellow Americans."]
    answer = upload(speech_broker(), path=TRANSLATIONS, fields=NAMED).json()
    assert answer["text"] == "And so my fellow Americans."


@pytest.mark.parametrize(
    ("texts", "deltas"),
    [
        ([" And so", " my friends."], ["And so", " my friends."]),
        ([" ", " And so ", " ", "my friends. "], ["", "And so", "", "  my friends."]),
        ([], []),
    ],
)
def test_the_deltas_of_a_request_that_names_a_model_add_up_to_the_text(texts: list[str], deltas: list[str]) -> None:
    broker = speech_broker()
    segments = [replace(FIRST, text=text) for text in texts]
    broker.script = [Started(0, 0), *segments, RECORDING, DONE]
    *sent, done = events_of(upload(broker, fields={**NAMED, "stream": "true"}))
    assert [event["delta"] for event in sent] == deltas
    assert done["text"] == "".join(deltas)


def test_an_undetermined_language_has_no_name() -> None:
    broker = speech_broker()
    broker.script = [Started(0, 0), Recording("und", 0.0, 3.0, 0.0), DONE]
    assert upload(broker, response_format="verbose_json").json()["language"] == "und"


def test_verbose_json_with_the_times_of_words_alone() -> None:
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
    answer = upload(speech_broker(), fields=fields).json()
    assert "segments" not in answer
    assert answer["words"][0] == {"word": "And", "start": 0.0, "end": 0.5, "probability": 0.9}
    assert [word["word"] for word in answer["words"]] == ["And", "so", "my"]


def test_a_translation_says_so() -> None:
    answer = upload(speech_broker(), path=TRANSLATIONS, response_format="verbose_json").json()
    assert answer["task"] == "translate"
    assert len(answer["segments"]) == 2


def test_nothing_said_is_an_empty_text() -> None:
    broker = speech_broker()
    broker.script = [Started(0, 0), Recording("und", 0.0, 3.0, 0.0), DONE]
    assert upload(broker).json()["text"] == ""
    assert upload(broker, response_format="verbose_json").json()["segments"] == []


def test_a_stream_sends_each_segment_and_then_the_whole_text() -> None:
    assert events_of(upload(speech_broker(), stream="true")) == [
        {"type": "transcript.text.delta", "delta": " And so", "id": 0, "start": 0.0, "end": 1.5},
        {"type": "transcript.text.delta", "delta": " my fellow Americans.", "id": 1, "start": 61.5, "end": 62.0},
        {
            "type": "transcript.text.done",
            "text": " And so my fellow Americans.",
            "language": "en",
            "duration": 62.25,
            "usage": {"type": "duration", "seconds": 63},
        },
    ]


def test_a_stream_has_the_times_of_words_if_they_are_asked_for() -> None:
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": "word", "stream": "true"}
    first, second, _ = events_of(upload(speech_broker(), fields=fields))
    assert first["words"] == [
        {"word": "And", "start": 0.0, "end": 0.5, "probability": 0.9},
        {"word": "so", "start": 0.5, "end": 1.5, "probability": 1.0},
    ]
    assert [word["word"] for word in second["words"]] == ["my"]


@pytest.mark.parametrize("stream", ["true", "false"])
def test_an_error_of_the_worker_has_its_own_status(stream: str) -> None:
    broker = speech_broker()
    broker.script = [Failed(415, "file: it is no recording", "file")]
    response = upload(broker, stream=stream)
    assert response.status_code == 415
    assert response.json()["error"] == {
        "message": "file: it is no recording",
        "type": "unsupported_media_type",
        "param": "file",
        "code": None,
    }


def test_an_error_within_a_stream_is_an_event_and_ends_it() -> None:
    broker = speech_broker()
    broker.script = [Started(0, 0), FIRST, Failed(500, "two workers died")]
    text = upload(broker, stream="true").text
    assert "transcript.text.delta" in text
    assert "event: error\ndata: " in text
    assert "two workers died" in text
    assert "[DONE]" not in text


def test_the_form_is_documented() -> None:
    document = ask(FakeBroker(), "GET", "/openapi.json").json()
    for path in (ROUTE, TRANSLATIONS):
        operation = document["paths"][path]["post"]
        schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert schema["required"] == ["file"]
        assert {"file", "model", "response_format", "beam_size", "vad_filter"} <= set(schema["properties"])
        assert schema["properties"]["response_format"]["enum"] == ["json", "text", "srt", "vtt", "verbose_json"]
        assert {"403", "413", "415"} <= set(operation["responses"])


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # openai deprecates its translations
def test_openais_client() -> None:
    broker = speech_broker()
    with serving(broker) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        file = ("a.mp3", b"sound")
        create = client.audio.transcriptions.create
        assert create(model="smol", file=file).text == "And so my fellow Americans."
        verbose = create(
            model="smol", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"]
        )
        assert [word.word for word in verbose.words or []] == ["And", "so", "my"]
        assert [segment.text for segment in verbose.segments or []] == [" And so", " my fellow Americans."]
        assert create(model="smol", file=file, response_format="srt").startswith("1\n00:00:00,000")
        events = list(create(model="smol", file=file, stream=True))
        assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
        translated = client.audio.translations.create(model="smol", file=file)
        assert translated.text == "And so my fellow Americans."
        with pytest.raises(openai.BadRequestError, match="beam_size"):
            create(model="smol", file=file, extra_body={"beam_size": 99})
