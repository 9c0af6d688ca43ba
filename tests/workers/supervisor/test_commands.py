from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings.run import SettingsFile
from workers.supervisor.commands import router_command


def test_the_router_gives_the_memory_of_large_bodies_back_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = SettingsFile(tmp_path / "settings.json")
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    environment = router_command(settings, [3]).environment
    assert (environment["MALLOC_MMAP_THRESHOLD_"], environment["MALLOC_ARENA_MAX"]) == ("1048576", "2")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    assert router_command(settings, [3]).environment["MALLOC_ARENA_MAX"] == "8"
