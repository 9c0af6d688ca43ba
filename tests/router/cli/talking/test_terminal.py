"""Texts from models on a terminal, and in a pipe."""

from __future__ import annotations

import io

import pytest

from router.cli.talking.terminal import CLEAR_LINE, DIM, PLAIN, ScreenOutput, harmless


class Terminal(io.StringIO):
    """Takes text as a terminal does."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_what_could_harm_a_terminal_is_shown_as_an_escape() -> None:
    assert harmless("a\n\tb \x1b]0;title\x07 \u202e\x7fé🦊\r") == ("a\n\tb \\u001b]0;title\\u0007 \\u202e\\u007fé🦊\\r")


def test_a_pipe_gets_the_text_itself_without_styles() -> None:
    piped, notices = io.StringIO(), io.StringIO()
    output = ScreenOutput(piped, notices)
    output.notice("waiting …")
    output.write("a\x1b[0m", DIM)
    output.end_line()
    output.end_line()
    assert piped.getvalue() == "a\x1b[0m\n"
    assert notices.getvalue() == ""


def test_a_notice_goes_as_soon_as_there_is_text() -> None:
    screen = Terminal()
    output = ScreenOutput(screen, screen)
    output.notice("queued at position 2")
    output.write("yes", DIM)
    output.notice("not in the middle of a line")
    assert screen.getvalue() == f"{CLEAR_LINE}queued at position 2{CLEAR_LINE}{DIM}yes{PLAIN}"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    screen = Terminal()
    ScreenOutput(screen, screen).write("a\x1b", DIM)
    assert screen.getvalue() == "a\\u001b"
