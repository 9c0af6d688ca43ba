from __future__ import annotations

from pathlib import Path

import pytest

from workers.text.chat_loading import formats_folder


def test_what_was_learnt_is_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert formats_folder() == tmp_path / "nexa" / "formats"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/anna")
    assert formats_folder() == Path("/home/anna/.cache/nexa/formats")
