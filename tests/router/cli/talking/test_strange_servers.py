"""Servers that answer what no nexa server does: one line says so, and nothing else happens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from router.client import events as event_module
from router.client import stream as stream_module
from tests.support.clients.strange_server import events, strange_server
from tests.support.launching import refusal

CHAT = ["chat", "-m", "Hello"]
NO_ANSWER = "the answer is not that of a nexa server, or of a different version"


@pytest.mark.parametrize(
    "event", [b"{half", [1], 5, {"choices": [{}]}, {"choices": 5}, {"choices": [{"delta": 5}]}, b"[" * 100_000]
)
def test_events_that_are_none_of_a_chat(capsys: pytest.CaptureFixture[str], event: Any) -> None:
    with strange_server(events(event)) as url:
        assert refusal(capsys, *CHAT, "--url", url) == (1, f"nexa: {NO_ANSWER}")


@pytest.mark.parametrize(
    "event",
    [
        [1],
        {"type": "x.progress", "step": "a", "steps": None},
        {"type": "x.completed", "seed": 1, "b64_json": "###"},
        {"type": "x.completed", "seed": None, "b64_json": ""},
    ],
)
def test_events_that_are_none_of_a_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path, event: Any) -> None:
    with strange_server(events({"type": "x.progress", "step": 10**15, "steps": 1}, event)) as url:
        target = tmp_path / "a.png"
        assert refusal(capsys, "image", "x", "-o", str(target), "--url", url) == (1, f"nexa: {NO_ANSWER}")
    assert not target.exists()


@pytest.mark.parametrize(
    "event",
    [
        [1],
        {"type": "transcript.text.delta", "delta": "a", "start": "x", "end": 1},
        b'{"type": "transcript.text.delta", "delta": "a", "start": NaN, "end": Infinity}',
    ],
)
def test_events_that_are_none_of_a_transcript(capsys: pytest.CaptureFixture[str], tmp_path: Path, event: Any) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    words = ["transcribe", str(tmp_path / "a.wav"), "--format", "srt"]
    with strange_server(events(event)) as url:
        assert refusal(capsys, *words, "--url", url) == (1, f"nexa: {NO_ANSWER}")


def test_half_of_a_surrogate_pair_is_shown_as_an_escape(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    chunk = {"choices": [{"delta": {"content": "\ud800a"}, "finish_reason": "stop"}]}
    delta = {"type": "transcript.text.delta", "delta": "\ud800a", "start": 0, "end": 1}
    with strange_server(events(chunk, delta)) as url:
        assert main([*CHAT, "--url", url]) == 0
        assert capsys.readouterr().out == "\\ud800a\n"
        target = tmp_path / "a.txt"
        assert main(["transcribe", str(tmp_path / "a.wav"), "-o", str(target), "--url", url]) == 0
        assert target.read_text() == "\\ud800a\n"


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_cannot_be_decoded(capsys: pytest.CaptureFixture[str], status: int) -> None:
    with strange_server(b"no gzip" * 9, {"Content-Encoding": "gzip"}, status) as url:
        assert "cannot be decoded" in refusal(capsys, *CHAT, "--url", url)[1]


def test_an_odd_name_of_a_job_and_of_an_event_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    with strange_server(b"id: " + b"9" * 5000 + b"\ndata: {}\n\n", {"X-Job-Id": "../\t?#"}) as url:
        assert refusal(capsys, *CHAT, "--url", url) == (1, "nexa: the answer broke off: it ended too early")


def test_what_has_no_end_is_given_up(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_module, "MAX_EVENT_BYTES", 10_000)
    monkeypatch.setattr(stream_module, "MAX_ANSWER_BYTES", 10_000)
    with strange_server(b"data: " + b"x" * 20_000) as url:
        assert "an event of the answer is longer than" in refusal(capsys, *CHAT, "--url", url)[1]
    with strange_server(b"x" * 20_000, status=500) as url:
        assert "answered with more than" in refusal(capsys, *CHAT, "--url", url)[1]
    with strange_server(b"", models=b" " * 20_000) as url:
        assert "answered with more than" in refusal(capsys, *CHAT, "--url", url)[1]


@pytest.mark.parametrize("url", ["http://[::1", "localhost:8000", "", "ftp://a", "http://a/\x01"])
def test_a_url_that_is_none(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert "url: expected one such as http://127.0.0.1:8000, got" in refusal(capsys, *CHAT, "--url", url)[1]


@pytest.mark.parametrize("key", ["ключ", "a\nb"])
def test_a_key_that_is_none_is_not_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("NEXA_API_KEY", key)
    assert refusal(capsys, *CHAT) == (2, "nexa: key: expected printable ASCII characters, got others")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperature", "nan"], "--temperature: expected a finite number, got nan"),
        (["--system", "\udcff"], "--system: expected text in UTF-8, got other bytes"),
        (["-m", "\udcff"], "--message: expected text in UTF-8, got other bytes"),
    ],
)
def test_what_cannot_be_sent(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert refusal(capsys, *CHAT, *words) == (2, f"nexa: {message}")


def test_without_stdin_a_message_is_needed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "a message is required" in refusal(capsys, "chat")[1]
