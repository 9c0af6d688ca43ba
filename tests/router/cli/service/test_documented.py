"""What ``docs/service.md`` prints is accepted, and what it says of the unit is so."""

from __future__ import annotations

import pytest

from router.cli.main import build_parsers
from router.cli.service.unit import WATCHDOG_S
from tests.support.documents import REPOSITORY
from tests.support.printed import commands, examples

DOCUMENT = "docs/service.md"


def printed() -> list[list[str]]:
    words = [command[1:] for example in examples(DOCUMENT) for command in commands(example.text)]
    return [command[1:] for command in words if command[0].endswith("nexa")]


@pytest.mark.parametrize("words", printed(), ids=" ".join)
def test_a_printed_command_is_accepted(words: list[str]) -> None:
    parser, server_parser = build_parsers()
    options, unknown = parser.parse_known_args(words)
    if unknown:
        assert server_parser.parse_known_intermixed_args(unknown)[1] == []
    assert options.func


def test_there_are_printed_commands() -> None:
    assert len(printed()) >= 2


def test_the_watchdogs_time_is_that_of_the_unit() -> None:
    assert f"after {WATCHDOG_S} seconds without one" in (REPOSITORY / DOCUMENT).read_text()
