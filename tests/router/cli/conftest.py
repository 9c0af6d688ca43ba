from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from shared.settings import ServerSettings
from tests.support.launching import BecameSupervisor


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep NEXA_* variables out of the tests; models and keys are in a temporary folder."""
    for name in [name for name in os.environ if name.startswith("NEXA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NEXA_KEY_FILE", str(tmp_path / "keys.sqlite3"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Filled with what the supervisor would have got, which is not started."""
    seen: dict[str, Any] = {}

    def execve(program: str, command: list[str], environment: dict[str, str]) -> None:
        path = Path(command[command.index("--settings") + 1])
        seen["command"], seen["settings"] = command, ServerSettings.load(path)
        seen["folder_mode"] = stat.S_IMODE(Path(seen["settings"].run_folder).stat().st_mode)
        raise BecameSupervisor

    monkeypatch.setattr(os, "execve", execve)
    return seen
