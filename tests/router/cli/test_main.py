from __future__ import annotations

import pytest

from router.cli.main import main


def test_the_command_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "server" in capsys.readouterr().out


def test_an_unknown_command_ends_with_2_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bogus"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nexa: ")
    assert "bogus" in line
