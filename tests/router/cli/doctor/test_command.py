"""The doctor's report, and its exit code."""

from __future__ import annotations

import json

import pytest

import router.cli.doctor.command
from router.cli.doctor.findings import Finding, note, problem
from router.cli.main import main

FINE = [Finding("cpu", "Some CPU", facts={"cores": 2}), note("gpu", "none \x1b[31m", "buy one")]
BAD = problem("models", "none is here", "nexa pull smollm2")


def findings(monkeypatch: pytest.MonkeyPatch, *found: Finding) -> None:
    monkeypatch.setattr(router.cli.doctor.command, "examine", lambda _port: iter(found))


def test_what_only_deserves_a_thought_is_no_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    findings(monkeypatch, *FINE)
    assert main(["doctor"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["cpu", "ok", "Some", "CPU"],
        ["gpu", "note", "none", "\\u001b[31m"],
        ["->", "buy", "one"],
    ]


def test_what_is_missing_is_an_error_with_its_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    findings(monkeypatch, *FINE, BAD)
    assert main(["doctor"]) == 1
    *_, missing, remedy = capsys.readouterr().out.splitlines()
    assert (missing.split(), remedy.split()) == (
        ["models", "MISSING", "none", "is", "here"],
        ["->", "nexa", "pull", "smollm2"],
    )


def test_a_report_for_programs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    findings(monkeypatch, FINE[0], BAD)
    assert main(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "ok": False,
        "findings": [
            {"topic": "cpu", "text": "Some CPU", "state": "ok", "remedy": "", "facts": {"cores": 2}},
            {
                "topic": "models",
                "text": "none is here",
                "state": "problem",
                "remedy": "nexa pull smollm2",
                "facts": {},
            },
        ],
    }
