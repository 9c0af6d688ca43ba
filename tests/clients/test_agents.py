"""Coding agents from npm, unchanged and offline: they read a file, answer, and go on with the conversation."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients.environments import environment_of
from tests.support.clients.packages import CLAUDE_CODE, CODEX
from tests.support.clients.runs import SCRIPTED_MODEL
from tests.support.clients.served import logged_requests, served_for_agents
from tests.support.models.scripted_model import THOUGHT, VALUE, WORDS
from tests.support.printed import examples
from tests.support.running_server import RunningServer

pytestmark = pytest.mark.timeout(600)

CONTENT = "sunny, 21 degrees"
MIN_CACHED = 0.95
"""The part of a prompt that must be cached in a conversation that goes on."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with served_for_agents(tmp_path_factory.mktemp("agents")) as ready:
        yield ready


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with the file that the model reads."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / VALUE).write_text(CONTENT)
    return folder


def printed(language: str, server: RunningServer) -> str:
    """The settings that docs/clients.md prints first in this language, for this server and its model."""
    settings = next(block.text for block in examples("docs/clients.md") if block.language == language)
    return settings.replace("http://127.0.0.1:8000", server.url).replace("qwen3-coder", SCRIPTED_MODEL)


def claude(server: RunningServer, work: Path, *words: str) -> list[dict[str, Any]]:
    """The events of one order to Claude Code."""
    lines = [line.removeprefix("export ") for line in printed("bash", server).splitlines() if "=" in line]
    settings = dict(line.split("=", 1) for line in lines)
    command = environment_of(CLAUDE_CODE) / "node_modules" / ".bin" / "claude"
    output = run([str(command), "-p", *words, "--output-format", "stream-json", "--verbose"], work, settings)
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def codex(server: RunningServer, work: Path, *words: str) -> list[dict[str, Any]]:
    """The events of one order to Codex."""
    settings = work.parent / "home" / ".codex" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(printed("toml", server))
    command = environment_of(CODEX) / "node_modules" / ".bin" / "codex"
    output = run([str(command), "exec", "--skip-git-repo-check", "--json", *words], work, {"NEXA_API_KEY": "x"})
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def run(command: list[str], work: Path, settings: dict[str, str]) -> str:
    """The output of a command in a folder, with a home folder of its own beside that."""
    home = work.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **settings}
    done = subprocess.run(
        command, cwd=work, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def blocks(events: list[dict[str, Any]], role: str, kind: str) -> list[dict[str, Any]]:
    """The blocks of one kind in the messages of a role."""
    messages = [event["message"] for event in events if event["type"] == role]
    return [block for message in messages for block in message["content"] if block["type"] == kind]


def test_claude_code_reads_a_file_and_answers(server: RunningServer, work: Path) -> None:
    earlier = len(logged_requests(server, "/v1/messages"))
    events = claude(server, work, "What is the weather in Paris?")
    (call,) = blocks(events, "assistant", "tool_use")
    assert (call["name"], call["input"]) == ("Read", {"file_path": VALUE})
    (result,) = blocks(events, "user", "tool_result")
    assert CONTENT in result["content"]
    assert (events[-1]["is_error"], events[-1]["result"]) == (False, WORDS)
    claude(server, work, "--continue", "And tomorrow?")
    requests = logged_requests(server, "/v1/messages")[earlier:]
    assert requests[0]["prompt_tokens"] > 10_000
    check_cached(requests)


def test_codex_runs_a_command_and_answers(server: RunningServer, work: Path) -> None:
    earlier = len(logged_requests(server, "/v1/responses"))
    events = codex(server, work, "What is the weather in Paris?")
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    (command,) = [item for item in items if item["type"] == "command_execution"]
    assert command["command"].endswith(VALUE)
    assert "not found" in command["aggregated_output"]
    assert [item["text"] for item in items if item["type"] == "reasoning"] == [THOUGHT]
    assert [item["text"] for item in items if item["type"] == "agent_message"] == [WORDS]
    codex(server, work, "resume", "--last", "And tomorrow?")
    check_cached(logged_requests(server, "/v1/responses")[earlier:])


def check_cached(requests: list[dict[str, Any]]) -> None:
    """Two orders of two requests each were answered; from the second on, most of the prompt was cached."""
    assert [request["status"] for request in requests] == [200, 200, 200, 200]
    parts = [request["cached_tokens"] / request["prompt_tokens"] for request in requests[1:]]
    assert min(parts) >= MIN_CACHED
