"""A model's settings are untrusted files: what is wrong with one is said in a line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.engines.onnx import folders
from shared.engines.onnx.folders import read_json, read_json_list
from shared.errors import ModelError


def test_a_missing_file_counts_as_empty(tmp_path: Path) -> None:
    assert read_json(tmp_path / "config.json") == {}
    assert read_json_list(tmp_path / "modules.json") == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "expected JSON, got a file with an error: Expecting property name"),
        (b"\xff{}", "expected JSON, got a file with an error: "),
        (b"[" * 100_000, "expected JSON, got values that are nested too deeply"),
        (b"null", "expected a JSON object, got a value of another type"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(ModelError) as refused:
        read_json(file)
    assert str(refused.value).startswith(f"{file}: {reason}")
    assert "\n" not in str(refused.value)


def test_a_list_is_expected_where_there_is_an_object(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("{}")
    with pytest.raises(ModelError, match=r"modules\.json: expected a JSON list, got a value of another type$"):
        read_json_list(tmp_path / "modules.json")


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ModelError, match=r"config\.json: cannot be read: Is a directory$"):
        read_json(tmp_path / "config.json")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(ModelError, match=r"config\.json: expected a file, got something else$"):
        read_json(tmp_path / "config.json")


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_CONFIG_BYTES", 10)
    (tmp_path / "config.json").write_text(f"{{{' ' * 10}}}")
    with pytest.raises(ModelError, match=r"config\.json: expected at most 10 bytes, got more$"):
        read_json(tmp_path / "config.json")
