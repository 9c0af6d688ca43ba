from __future__ import annotations

import io
import json
import logging

import pytest
from rich.console import Console

from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.supervision import WorkerState
from workers.supervisor.display import LiveDisplay, LogDisplay, WorkerLine, announcement
from workers.supervisor.processes.output import LineForwarder


def line(state: WorkerState, loading: float = 0.0, detail: str = "") -> WorkerLine:
    return WorkerLine("m/0", state, loading, "cpu", detail)


def test_each_change_and_each_quarter_of_loading_is_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    display = LogDisplay("text")
    with caplog.at_level(logging.INFO):
        for worker in [line(WorkerState.SPAWNING)] * 2 + [line(WorkerState.LOADING, n / 10) for n in range(6)]:
            display.update([worker])
        display.update([line(WorkerState.EXITED, detail="killed by SIGKILL")])
    assert [record.getMessage() for record in caplog.records] == [
        "worker spawning",
        "worker loading 0%",
        "worker loading 30%",
        "worker loading 50%",
        "worker exited",
    ]
    assert vars(caplog.records[-1])["reason"] == "killed by SIGKILL"
    assert caplog.records[-1].levelno == logging.WARNING


def test_the_end_of_a_worker_that_was_asked_to_leave_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        LogDisplay("text").update([line(WorkerState.EXITED, detail="exited with code 0")])
    assert caplog.records[-1].levelno == logging.INFO


def test_a_live_display_shows_the_state_and_turns_to_log_lines_once_serving(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = io.StringIO()
    display = LiveDisplay(Console(file=screen, force_terminal=True, width=80))
    display.update([line(WorkerState.READY)])
    display.serving("Serving m", "http://x")
    assert "ready" in screen.getvalue()
    assert "Serving m" in capsys.readouterr().err
    with caplog.at_level(logging.INFO):
        display.update([line(WorkerState.READY)])
        display.update([line(WorkerState.EXITED)])
    assert [record.getMessage() for record in caplog.records] == ["worker exited"]


def served(*kinds: JobKind, name: str = "m") -> ModelSettings:
    return ModelSettings(name=name, kinds=kinds, engine="echo", path="")


def test_the_announced_command_asks_for_a_key_where_one_is_needed_without_showing_it() -> None:
    assert "Authorization" not in announcement("http://h:1", [served(JobKind.TEXT)], needs_key=False)
    assert "Bearer $NEXA_API_KEY" in announcement("http://h:1", [served(JobKind.TEXT)], needs_key=True)


def test_the_page_is_announced_unless_there_is_none() -> None:
    assert "In a browser: http://h:1/\n" in announcement("http://h:1", [served(JobKind.TEXT)], needs_key=False)
    assert "browser" not in announcement("http://h:1", [served(JobKind.TEXT)], needs_key=False, page=False)


def test_a_command_is_announced_for_each_kind_that_is_served() -> None:
    models = [
        served(JobKind.SPEECH, name="tiny"),
        served(JobKind.TEXT, name="first"),
        served(JobKind.TEXT, name="second"),
    ]
    shown = announcement("http://h:1", models, needs_key=False)
    assert "curl http://h:1/v1/audio/transcriptions -F file=@recording.mp3 -F model=tiny" in shown
    assert '{"model": "first", "messages"' in shown
    assert "txt2img" not in shown
    assert "curl http://h:1/v1/txt2img" in announcement("http://h:1", [served(JobKind.IMAGE)], needs_key=False)
    both = announcement("http://h:1", [served(JobKind.TEXT, JobKind.SPEECH)], needs_key=False)
    assert "/v1/chat/completions" in both
    assert "/v1/audio/transcriptions" in both


def test_the_base_url_of_each_api_that_is_there_is_announced() -> None:
    shown = announcement("http://h:1", [served(JobKind.TEXT)], needs_key=False, ollama_url="http://h:11434")
    lines = [line.split() for line in shown.splitlines()]
    assert ["OpenAI's", "API", "http://h:1/v1"] in lines
    assert ["Anthropic's", "API", "http://h:1"] in lines
    assert ["Ollama's", "API", "http://h:1", "and", "http://h:11434"] in lines
    assert "Anthropic's" not in announcement("http://h:1", [served(JobKind.EMBEDDING)], needs_key=False)
    assert "Ollama's" not in announcement("http://h:1", [served(JobKind.IMAGE)], needs_key=False)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("2026-01-01T00:00:00.000 m/0 INFO hello", "2026-01-01T00:00:00.000 m/0 INFO hello\n"),
        ("llama: something", "m/0 | llama: something\n"),
    ],
)
def test_a_childs_line_is_shown_under_its_name(capsys: pytest.CaptureFixture[str], line: str, shown: str) -> None:
    LineForwarder("text")("m/0", line)
    assert capsys.readouterr().err == shown


def test_json_logs_stay_json_whatever_a_child_prints(capsys: pytest.CaptureFixture[str]) -> None:
    forward = LineForwarder("json")
    forward("m/0", '{"message": "own"}')
    forward("m/0", "plain")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["own", "plain"]
    assert lines[1]["process"] == "m/0"
