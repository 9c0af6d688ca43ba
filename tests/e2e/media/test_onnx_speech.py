"""Whisper in ONNX by a real server: the formats, OpenAI's client, and a worker that dies in the middle."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from tests.support.onnx.made_models import made_model
from tests.support.recordings import JFK, JFK_WORDS, SPANISH, encoded, words_of
from tests.support.running_server import RunningServer, running, wait_until
from tests.support.workers.whisper_jobs import decoded, silence, wav

ROUTE = "/v1/audio/transcriptions"
TIMES = 4


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """``nexa server onnx FILE`` with Whisper base in its quantized form."""
    with running("onnx", str(made_model("whisper") / "onnx" / "encoder_model_quantized.onnx")) as ready:
        yield ready


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def ask(server: RunningServer, recording: bytes, route: str = ROUTE, **fields: Any) -> httpx.Response:
    return server.client.post(route, files={"file": ("recording", recording)}, data=fields)


def test_the_server_says_what_it_serves(server: RunningServer) -> None:
    (model,) = server.client.get("/v1/models").json()["data"]
    assert model["kind"] == "speech"


def test_all_formats_have_the_words(server: RunningServer) -> None:
    answers = {form: ask(server, JFK.read_bytes(), response_format=form) for form in ("json", "text", "srt", "vtt")}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert answers["json"].json()["text"].startswith(" And so")
    assert words_of(answers["json"].json()["text"]) == words_of(answers["text"].text) == JFK_WORDS
    for form in ("srt", "vtt"):
        spoken = re.sub(r"^.*-->.*$|^WEBVTT$|^\d+$", "", answers[form].text, flags=re.MULTILINE)
        assert words_of(spoken) == JFK_WORDS
    mp3 = ask(server, encoded(JFK, "mp3", "libmp3lame"))
    assert words_of(mp3.json()["text"]) == JFK_WORDS


def test_verbose_json_has_segments_and_words_with_times(server: RunningServer) -> None:
    fields: dict[str, Any] = {"response_format": "verbose_json", "timestamp_granularities[]": ["segment", "word"]}
    answer = ask(server, JFK.read_bytes(), **fields).json()
    assert (answer["task"], answer["language"]) == ("transcribe", "english")
    assert answer["duration"] == pytest.approx(11.0, abs=0.1)
    assert words_of("".join(segment["text"] for segment in answer["segments"])) == JFK_WORDS
    assert all(-1 < segment["avg_logprob"] < 0 < segment["compression_ratio"] for segment in answer["segments"])
    assert all(segment["no_speech_prob"] < 0.3 for segment in answer["segments"])
    assert words_of(" ".join(word["word"] for word in answer["words"])) == JFK_WORDS
    times = [time for word in answer["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    americans = next(word for word in answer["words"] if word["word"].startswith("Americans"))
    assert (americans["start"], americans["end"]) == pytest.approx((1.6, 2.1), abs=0.15)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # openai deprecates its translations
def test_openais_client_transcribes_translates_and_streams(client: openai.OpenAI) -> None:
    with JFK.open("rb") as file:
        said = client.audio.transcriptions.create(model="whisper-1", file=file, prompt="A speech.", temperature=0)
    assert words_of(said.text) == JFK_WORDS
    with SPANISH.open("rb") as file:
        spanish = client.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json")
    assert spanish.language == "spanish"
    assert {"amigos", "música", "familia"} <= set(words_of(spanish.text))
    with SPANISH.open("rb") as file:
        english = client.audio.translations.create(model="whisper-1", file=file)
    assert {"friends", "music", "family", "president"} <= set(words_of(english.text))
    with JFK.open("rb") as file:
        events = list(client.audio.transcriptions.create(model="whisper-1", file=file, stream=True))
    assert events[-1].type == "transcript.text.done"
    assert words_of(events[-1].text) == JFK_WORDS


def test_a_sampled_text_and_one_without_voice_detection(server: RunningServer) -> None:
    sampled = ask(server, JFK.read_bytes(), temperature=0.2, response_format="verbose_json").json()
    assert {segment["temperature"] for segment in sampled["segments"]} == {0.2}
    assert "country" in words_of(sampled["text"])
    assert words_of(ask(server, JFK.read_bytes(), vad_filter="false", beam_size=1).json()["text"]) == JFK_WORDS
    assert ask(server, wav(silence(3))).json()["text"] == ""


def test_several_at_once_are_all_right(server: RunningServer) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: ask(server, JFK.read_bytes()).json()["text"], range(4)))
    assert [words_of(text) for text in answers] == [JFK_WORDS] * 4


@pytest.mark.parametrize(
    ("recording", "fields", "status", "param"),
    [
        (b"this is no recording", {}, 415, "file"),
        (JFK.read_bytes(), {"language": "qq"}, 400, "language"),
    ],
)
def test_what_cannot_be_done_is_refused(
    server: RunningServer, recording: bytes, fields: dict[str, str], status: int, param: str
) -> None:
    answer = ask(server, recording, **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text


def test_a_client_that_leaves_frees_the_worker(server: RunningServer) -> None:
    long = wav(np.concatenate([decoded(JFK.read_bytes()), silence(12)] * 20))
    with server.client.stream("POST", ROUTE, files={"file": long}, data={"stream": "true"}) as answer:
        next(answer.iter_lines())
    wait_until(lambda: not any(row["running"] for row in server.workers()), "an idle worker")
    assert words_of(ask(server, JFK.read_bytes()).json()["text"]) == JFK_WORDS


@pytest.fixture
def exact() -> Iterator[RunningServer]:
    """The same with exact weights: those of 8 bits round by how many chunks are computed together."""
    with running("onnx", str(made_model("whisper") / "onnx" / "encoder_model.onnx")) as ready:
        yield ready


def test_a_long_recording_goes_on_when_its_worker_is_killed_and_says_nothing_twice(exact: RunningServer) -> None:
    recording = wav(np.concatenate([decoded(JFK.read_bytes()), silence(12)] * TIMES))

    def deltas() -> Iterator[dict[str, Any]]:
        lines = {"stream": "true", "language": "en"}
        with exact.client.stream("POST", ROUTE, files={"file": recording}, data=lines) as answer:
            for line in answer.iter_lines():
                assert not line.startswith("event: error"), line
                if line.startswith('data: {"type":"transcript.text.delta"'):
                    yield json.loads(line.removeprefix("data: "))

    calm = list(deltas())
    assert len(calm) >= TIMES
    stream = deltas()
    said = [next(stream)]
    os.kill(exact.worker_pids()[0], signal.SIGKILL)
    said += list(stream)
    assert said == calm
    assert sum(row["restarts"] for row in exact.workers()) == 1


def test_words_are_refused_by_a_model_without_cross_attentions() -> None:
    with running("onnx", str(made_model("whisper-random") / "pair")) as server:
        fields = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
        answer = ask(server, JFK.read_bytes(), **fields)
        assert answer.status_code == 400
        assert "was exported without the cross attentions" in answer.json()["error"]["message"]
        assert answer.json()["error"]["param"] == "timestamp_granularities[]"
