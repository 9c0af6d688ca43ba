"""Transcriptions and translations by a real server, as its documentation promises them."""

from __future__ import annotations

import io
import json
import re
import wave
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.recordings import JFK, JFK_WORDS, SPANISH, encoded, words_of
from tests.support.running_server import RunningServer

ROUTE = "/v1/audio/transcriptions"


def ask(server: RunningServer, recording: bytes, route: str = ROUTE, **fields: Any) -> httpx.Response:
    return server.client.post(route, files={"file": ("recording", recording)}, data=fields)


def text_of(server: RunningServer, recording: bytes, **fields: Any) -> str:
    answer = ask(server, recording, **fields)
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["text"]
    return text


def wav(samples: bytes, rate: int = 16_000) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return target.getvalue()


def test_json_holds_the_text(all_kinds: RunningServer) -> None:
    answer = ask(all_kinds, JFK.read_bytes(), language="en", temperature=0, beam_size=5).json()
    assert words_of(answer["text"]) == JFK_WORDS
    assert answer["text"].startswith(" And so")
    assert answer["usage"] == {"type": "duration", "seconds": 11}


def test_parameters_may_come_in_the_query(all_kinds: RunningServer) -> None:
    answer = ask(all_kinds, JFK.read_bytes(), f"{ROUTE}?language=en&beam_size=1&temperature=0")
    assert words_of(answer.json()["text"]) == JFK_WORDS


def test_text_is_plain(all_kinds: RunningServer) -> None:
    answer = ask(all_kinds, JFK.read_bytes(), response_format="text")
    assert answer.headers["content-type"].startswith("text/plain")
    assert words_of(answer.text) == JFK_WORDS


def test_srt_and_vtt_have_the_words_under_increasing_times(all_kinds: RunningServer) -> None:
    srt = ask(all_kinds, JFK.read_bytes(), response_format="srt").text
    vtt = ask(all_kinds, JFK.read_bytes(), response_format="vtt").text
    cues = re.findall(r"^(\d+)\n(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})\n(.+)\n$", srt, re.MULTILINE)
    assert [int(number) for number, *_ in cues] == list(range(1, len(cues) + 1))
    assert words_of(" ".join(text for *_, text in cues)) == JFK_WORDS
    times = [time for _, start, end, _ in cues for time in (start, end)]
    assert times == sorted(times)
    assert vtt.startswith("WEBVTT\n\n")
    assert words_of(re.sub(r"^.*-->.*$|^WEBVTT$", "", vtt, flags=re.MULTILINE)) == JFK_WORDS


def test_verbose_json_has_segments_and_words_with_times(all_kinds: RunningServer) -> None:
    fields: dict[str, Any] = {"response_format": "verbose_json", "timestamp_granularities[]": ["segment", "word"]}
    answer = ask(all_kinds, JFK.read_bytes(), **fields).json()
    assert (answer["task"], answer["language"]) == ("transcribe", "english")
    assert answer["duration"] == pytest.approx(11.0, abs=0.1)
    assert words_of("".join(segment["text"] for segment in answer["segments"])) == JFK_WORDS
    assert words_of(" ".join(word["word"] for word in answer["words"])) == JFK_WORDS
    times = [time for word in answer["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 11.1


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("ipod", "aac"), ("webm", "libopus")])
def test_other_formats_give_the_same_words(all_kinds: RunningServer, container: str, codec: str) -> None:
    recording = encoded(JFK, container, codec, rate=48_000)
    assert words_of(text_of(all_kinds, recording)) == JFK_WORDS


def test_the_language_is_detected(all_kinds: RunningServer) -> None:
    fields = {"model": "faster-whisper-base", "response_format": "verbose_json"}
    answer = ask(all_kinds, JFK.read_bytes(), **fields).json()
    assert answer["language"] == "english"
    assert not answer["text"].startswith(" ")
    assert words_of(answer["text"]) == JFK_WORDS


def test_a_stream_sends_the_segments_and_then_the_whole_text(all_kinds: RunningServer) -> None:
    files = {"file": ("jfk.flac", JFK.read_bytes())}
    with all_kinds.client.stream("POST", ROUTE, files=files, data={"stream": "true"}) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    events = [json.loads(line) for line in lines]
    assert [event["type"] for event in events[:-1]] == ["transcript.text.delta"] * (len(events) - 1)
    assert events[-1]["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["text"]
    assert words_of(events[-1]["text"]) == JFK_WORDS


def test_eight_at_once_are_all_right(all_kinds: RunningServer) -> None:
    recording = JFK.read_bytes()
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda _: text_of(all_kinds, recording), range(8)))
    assert len(set(texts)) == 1
    assert words_of(texts[0]) == JFK_WORDS


def test_silence_has_no_text_and_its_voice_detection_can_be_switched_off(all_kinds: RunningServer) -> None:
    silence = wav(bytes(2 * 16_000 * 3))
    assert text_of(all_kinds, silence) == ""
    assert words_of(text_of(all_kinds, JFK.read_bytes(), vad_filter="false")) == JFK_WORDS


@pytest.mark.parametrize(
    ("recording", "status"),
    [
        (b"", 400),
        (b"this is no recording", 415),
        (JFK.read_bytes()[:200], 415),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", 415),
        (bytes(range(256)) * 400, 415),
    ],
)
def test_what_is_no_recording_is_refused_and_nothing_else_suffers(
    all_kinds: RunningServer, recording: bytes, status: int
) -> None:
    answer = ask(all_kinds, recording)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["param"] == "file"
    assert words_of(text_of(all_kinds, JFK.read_bytes())) == JFK_WORDS


@pytest.mark.parametrize(
    ("route", "fields", "param"),
    [
        ("/v1/audio/translations", {"model": "faster-whisper-tiny"}, "model"),
        (ROUTE, {"model": "faster-whisper-tiny", "language": "de"}, "language"),
        (ROUTE, {"model": "faster-whisper-base", "language": "qq"}, "language"),
        (ROUTE, {"response_format": "docx"}, "response_format"),
        (ROUTE, {"temperature": "warm"}, "temperature"),
    ],
)
def test_what_the_model_cannot_do_is_a_bad_request(
    all_kinds: RunningServer, route: str, fields: dict[str, str], param: str
) -> None:
    answer = ask(all_kinds, JFK.read_bytes(), route, **fields)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_speech_in_another_language_becomes_english(all_kinds: RunningServer) -> None:
    recording = SPANISH.read_bytes()
    fields = {"model": "faster-whisper-base", "response_format": "verbose_json"}
    said = ask(all_kinds, recording, **fields).json()
    assert said["language"] == "spanish"
    assert {"amigos", "música", "familia", "presidente", "estudiantes"} <= set(words_of(said["text"]))
    answer = ask(all_kinds, recording, "/v1/audio/translations", **fields).json()
    assert answer["task"] == "translate"
    assert {"friends", "music", "family", "president", "students"} <= set(words_of(answer["text"]))
