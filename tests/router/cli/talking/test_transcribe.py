"""``nexa transcribe`` with a real server, whose transcript is written beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from shared.kinds import JobKind
from shared.wire.jobs import SpeechJob, SpeechTask
from tests.support.launching import refusal
from tests.support.requests.speech import speech_broker
from tests.support.router.client import serving
from tests.support.router.fake_broker import FakeBroker

SRT = "1\n00:00:00,000 --> 00:00:01,500\nAnd so\n\n2\n00:01:01,500 --> 00:01:02,000\nmy fellow Americans.\n\n"
VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nAnd so\n\n00:01:01.500 --> 00:01:02.000\nmy fellow Americans.\n\n"


@pytest.fixture
def broker() -> FakeBroker:
    broker = speech_broker()
    (model,) = broker.settings.models
    speaking = model.model_copy(update={"kinds": (JobKind.SPEECH,)})
    broker.settings = broker.settings.model_copy(update={"models": (speaking,)})
    return broker


@pytest.fixture
def url(broker: FakeBroker) -> Iterator[str]:
    with serving(broker) as url:
        yield url


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "a talk.mp3"
    path.write_bytes(b"sound")
    return path


def asked(broker: FakeBroker) -> SpeechJob:
    work: Any = broker.jobs[-1].request.work
    assert isinstance(work, SpeechJob)
    return work


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("text", "And so\nmy fellow Americans.\n"),
        ("srt", SRT),
        ("vtt", VTT),
    ],
)
def test_a_transcript_is_written_in_each_form(
    url: str, recording: Path, capsys: pytest.CaptureFixture[str], form: str, written: str
) -> None:
    assert main(["transcribe", str(recording), "--format", form, "--url", url]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (written, "")


def test_json_has_the_times(url: str, recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", str(recording), "--format", "json", "--url", url]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": str(recording),
        "language": "en",
        "duration": 62.25,
        "text": "And so my fellow Americans.",
        "segments": [
            {"start": 0.0, "end": 1.5, "text": "And so"},
            {"start": 61.5, "end": 62.0, "text": "my fellow Americans."},
        ],
    }


def test_nothing_is_written_over_a_recording_or_another_transcript(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / recording.name
    other.write_bytes(b"RIFF")
    told = "--output: expected a file of its own for each transcript"
    assert told in refusal(capsys, "transcribe", str(recording), str(other), "-o", str(tmp_path / "out"))[1]
    assert told in refusal(capsys, "transcribe", str(other), "-o", str(other))[1]
    assert other.read_bytes() == b"RIFF"


def test_language_and_translation(url: str, broker: FakeBroker, recording: Path) -> None:
    assert main(["transcribe", str(recording), "--language", "de", "--model", "smol", "--url", url]) == 0
    assert (asked(broker).language, asked(broker).task) == ("de", SpeechTask.TRANSCRIBE)
    assert main(["transcribe", str(recording), "--translate", "--url", url]) == 0
    assert asked(broker).task is SpeechTask.TRANSLATE


def test_a_file_is_written_as_a_whole(
    url: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "talk.srt"
    assert main(["transcribe", str(recording), "--format", "srt", "-o", str(target), "--url", url]) == 0
    assert target.read_text() == SRT
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"{recording}: written to {target}\n")


def test_several_recordings_go_to_a_folder(url: str, recording: Path, tmp_path: Path) -> None:
    other = recording.with_name("other.ogg")
    other.write_bytes(b"sound")
    folder = tmp_path / "texts"
    assert main(["transcribe", str(recording), "-o", str(folder), str(other), "--url", url]) == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "a talk.txt": "And so\nmy fellow Americans.\n",
        "other.txt": "And so\nmy fellow Americans.\n",
    }


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.mp3"], 1, "FILE: expected an existing file, got 'none.mp3'"),
        (["a", "--translate", "--language", "de"], 2, "--language: expected none with --translate"),
        (["a", "a", "--format", "srt"], 2, "--output: a folder is required for the subtitles of several recordings"),
        (["a", "--url", "http://127.0.0.1:1"], 1, "start one: nexa server faster-whisper-base"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").touch()
    found = refusal(capsys, "transcribe", *words)
    assert (found[0], said in found[1]) == (code, True)


def test_a_server_without_a_speech_model_is_told(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(FakeBroker()) as url:
        code, line = refusal(capsys, "transcribe", str(recording), "--url", url)
    assert (code, line) == (
        1,
        f"nexa: {url} has no model for speech; start one that has: nexa server faster-whisper-base",
    )
