"""``nexa ps``: what a running server has loaded."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from router.cli.residency import ps
from router.cli.residency.ps import cells, lasting, rows_of

NOW_S = 1_700_000_000.0
AWAY: dict[str, Any] = {
    "id": "hearer",
    "state": "unloaded",
    "progress": None,
    "detail": "",
    "load": "demand",
    "devices": [],
    "loaded_at": None,
    "measured_memory_bytes": None,
    "memory_bytes": 453_800_000,
    "unloads_in_s": None,
    "unload_reason": "room",
    "retry_in_s": None,
}
LOADED: dict[str, Any] = {
    **AWAY,
    "id": "smollm2",
    "state": "ready",
    "devices": ["cpu"],
    "loaded_at": NOW_S - 200,
    "measured_memory_bytes": 306_700_000,
    "memory_bytes": 515_100_000,
    "unloads_in_s": 860.0,
    "unload_reason": None,
}
SHARES = [
    {"model": "smollm2", "user": "anna", "running": 2, "waiting": 1},
    {"model": "smollm2", "user": "bob", "running": 0, "waiting": 3},
    {"model": "hearer", "user": "carla", "running": 0, "waiting": 1},
]


def shown(model: dict[str, Any], *queues: dict[str, Any], size_bytes: int | None = None) -> list[str]:
    (row,) = rows_of([model], queues, {model["id"]: size_bytes})
    return cells(row, NOW_S)


def test_a_loaded_model_shows_where_since_when_with_what_memory_and_when_it_leaves() -> None:
    assert shown(LOADED) == ["smollm2", "ready", "cpu", "3 min", "306.7 MB", "515.1 MB", "", "14 min"]


def test_users_are_shown_with_what_runs_and_what_waits() -> None:
    row = shown(LOADED, *SHARES)
    assert row[6:] == ["anna 2/1, bob 0/3", "in use"]


def test_a_model_that_is_always_loaded_stays() -> None:
    assert shown({**LOADED, "unloads_in_s": None})[-1] == "stays"


def test_a_model_that_was_unloaded_shows_why_and_what_it_needs() -> None:
    assert shown(AWAY) == ["hearer", "unloaded (room)", "", "", "", "453.8 MB", "", ""]
    assert shown({**AWAY, "unload_reason": None})[1] == "unloaded"


def test_of_a_model_whose_needs_are_not_known_the_size_of_its_files_is_shown() -> None:
    assert shown({**AWAY, "memory_bytes": None}, size_bytes=98_000_000)[5] == "files 98.0 MB"
    assert shown({**AWAY, "memory_bytes": None})[5] == ""


def test_a_model_that_loads_shows_how_far_it_is() -> None:
    assert shown({**AWAY, "state": "loading", "progress": 0.4})[1] == "loading 40%"


def test_loaded_models_come_first() -> None:
    failed = {**AWAY, "id": "broken", "state": "failed"}
    assert [row["model"] for row in rows_of([AWAY, failed, LOADED], [], {})] == ["smollm2", "hearer", "broken"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3599.0, "1 h"),
        (90 * 60.0, "2 h"),
        (47 * 3600.0, "47 h"),
        (72 * 3600.0, "3 d"),
        (9e9, "104167 d"),
    ],
)
def test_times_are_shown_in_their_largest_unit(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


class FakeServer:
    def __init__(self, *models: dict[str, Any]) -> None:
        self.models = models

    def rows(self, method: str, path: str) -> list[dict[str, Any]]:
        assert (method, path) == ("GET", "/v1/models")
        adapter = {"id": "pirate", "size_bytes": 1}
        return [*({"id": model["id"], "size_bytes": 98_000_000} for model in self.models), adapter]

    def ask(self, method: str, path: str) -> dict[str, Any]:
        assert (method, path) == ("GET", "/v1/server")
        return {"models": list(self.models), "queues": SHARES}


def printed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *models: dict[str, Any],
    columns: int = 120,
    as_json: bool = False,
) -> str:
    monkeypatch.setattr(ps, "server_of", lambda args: FakeServer(*models))
    monkeypatch.setattr("router.cli.tables.table_columns", lambda: columns)
    monkeypatch.setattr("router.cli.residency.ps.time.time", lambda: NOW_S)
    parser = argparse.ArgumentParser()
    ps.add_parsers(parser.add_subparsers())
    args = parser.parse_args(["ps", "--json"] if as_json else ["ps"])
    assert args.func(args) == 0
    return capsys.readouterr().out


def test_a_model_takes_one_line_of_120_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(monkeypatch, capsys, AWAY, LOADED).splitlines()
    assert [line.split()[0] for line in lines] == ["MODEL", "smollm2", "hearer"]


@pytest.mark.parametrize("columns", [80, 120])
def test_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int) -> None:
    text = printed(monkeypatch, capsys, AWAY, LOADED, columns=columns)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= columns
    for word in ("smollm2", "306.7", "515.1", "anna", "2/1", "bob", "0/3", "(room)"):
        assert word in text


def test_a_failed_load_is_explained_with_its_next_attempt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {**AWAY, "state": "failed", "detail": "its file is \x1b[2J damaged", "retry_in_s": 8.0}
    text = printed(monkeypatch, capsys, broken)
    assert "hearer: its file is \\u001b[2J damaged; the next attempt may be made in 8 s" in text
    assert "\x1b" not in text


def test_a_reason_that_names_its_model_names_it_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(monkeypatch, capsys, {**AWAY, "state": "failed", "detail": f"{AWAY['id']}: needs about 9 GB"})
    assert text.count(f"{AWAY['id']}: ") == 1


def test_the_same_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    loaded, away = json.loads(printed(monkeypatch, capsys, AWAY, LOADED, as_json=True))
    assert (loaded["model"], loaded["loaded_at"], loaded["unloads_in_s"]) == ("smollm2", NOW_S - 200, 860.0)
    assert loaded["users"] == [
        {"user": "anna", "running": 2, "waiting": 1},
        {"user": "bob", "running": 0, "waiting": 3},
    ]
    assert (away["state"], away["unload_reason"], away["size_bytes"]) == ("unloaded", "room", 98_000_000)
