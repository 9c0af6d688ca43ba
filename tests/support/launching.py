"""``nexa server`` up to the moment in which its process would become the supervisor."""

from __future__ import annotations

from typing import Any

import pytest

from router.cli.main import main
from shared.settings import ServerSettings


class BecameSupervisor(Exception):
    """Stands for the supervisor that the process would have become."""


def settings_of(started: dict[str, Any], *words: str) -> ServerSettings:
    """The settings that the supervisor would have read; ``started`` is the fixture of that name."""
    with pytest.raises(BecameSupervisor):
        main(["server", *words])
    settings: ServerSettings = started["settings"]
    return settings


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code of ``nexa`` and its one line on stderr."""
    code = main(list(words))
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("nexa: ")
    return code, line
