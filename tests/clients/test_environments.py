"""What cannot be installed is a failure that says why, and is tried again the next time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clients.environments import environment_of
from tests.support.clients.packages import ClientProgram

PROGRAM = ClientProgram("with_nothing.py", {"nothing": "openai==3.57.0"})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no package index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path


def test_without_an_index_it_says_what_could_not_be_installed(cache: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"^openai==3\.57\.0 could not be installed: (.|\n)*No matching dist"):
            environment_of(PROGRAM)


def test_an_environment_is_made_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = ClientProgram("with_nothing.py", {"nothing": "nothing==1"})
    made = []
    monkeypatch.setattr("tests.support.clients.environments._install", lambda program, folder: made.append(folder))
    assert environment_of(program) == environment_of(program) == made[0]
    assert len(made) == 1
