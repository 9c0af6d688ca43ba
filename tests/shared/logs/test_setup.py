from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from shared.logs.setup import configure


@pytest.fixture(autouse=True)
def root_logger_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_text_line_names_time_process_level_message_and_extras(capsys: pytest.CaptureFixture[str]) -> None:
    configure(process="router")
    logging.getLogger("x").info("request %d", 7, extra={"user": "anna b", "tokens": 12, "ttft_s": 0.12345})
    time, rest = capsys.readouterr().err.rstrip("\n").split(" ", 1)
    assert time.startswith("20")
    assert rest == 'router INFO request 7 user="anna b" tokens=12 ttft_s=0.123'


def test_a_json_line_holds_extras_as_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure(fmt="json", process="m/0")
    logging.getLogger("x").warning("line\nbreak", extra={"tokens": 12, "odd": {1}})
    (line,) = capsys.readouterr().err.splitlines()
    fields = json.loads(line)
    assert (fields["process"], fields["level"], fields["message"]) == ("m/0", "WARNING", "line\nbreak")
    assert (fields["tokens"], fields["odd"]) == (12, "{1}")


@pytest.mark.parametrize("fmt", ["text", "json"])
def test_nothing_that_a_client_sends_reaches_the_log_raw(fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(fmt=fmt)
    raw = "a\x1b[2J\x07\x7f\x9b\r\n2026 nexa INFO forged\u202egpj\u2066"
    try:
        raise RuntimeError(raw)
    except RuntimeError:
        logging.getLogger("x").exception("not found: %s", raw, extra={"user": raw, "path": [raw]})
    printed = capsys.readouterr().err
    assert "\\u202egpj\\u2066" in printed
    assert all(line.isprintable() for line in printed.split("\n"))
    assert not any(line.startswith("2026 nexa") for line in printed.split("\n"))
    if fmt == "json":
        (line,) = printed.splitlines()
        assert json.loads(line)["user"] == raw


def test_an_exception_stays_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure(fmt="json")
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("x").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "RuntimeError: broken" in json.loads(line)["traceback"]


def test_lines_below_the_level_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="WARNING")
    logging.getLogger("x").info("hidden")
    assert capsys.readouterr().err == ""


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^log format: expected text or json, got xml$"):
        configure(fmt="xml")
