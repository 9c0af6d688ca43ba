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
def no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any model, which other programs have not fetched either. Returns the home folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("shared.discovery.discovery.packaged_sightings", list)
    monkeypatch.setattr("shared.discovery.discovery.join_packages", lambda *_: None)
    return home


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
