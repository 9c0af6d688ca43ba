"""The secret that signs files of prefixes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from workers.text.cache.disk.secret import DiskUnusable, PrefixSecret


def test_a_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "prefixes.key"
    first = PrefixSecret.open(path)
    assert PrefixSecret.open(path).sign(b"a", b"b") == first.sign(b"a", b"b")
    assert first.sign(b"a", b"b") != first.sign(b"a", b"", b"b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("how", ["readable", "link", "short", "long"])
def test_a_secret_that_is_not_one_is_refused(tmp_path: Path, how: str) -> None:
    path = tmp_path / "prefixes.key"
    PrefixSecret.open(path)
    if how == "readable":
        path.chmod(0o640)
    elif how == "link":
        path.rename(tmp_path / "other")
        path.symlink_to(tmp_path / "other")
    else:
        path.write_bytes(b"x" * (3 if how == "short" else 99))
    with pytest.raises(DiskUnusable, match=r"prefixes\.key"):
        PrefixSecret.open(path)
