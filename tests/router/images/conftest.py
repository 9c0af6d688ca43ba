"""Fixtures of the tests of input pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.requests.pictures import png
from tests.support.router.input_pictures import PICTURE, SECRET


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A media folder, with a secret file next to it."""
    (tmp_path / "secret.png").write_bytes(SECRET)
    folder = tmp_path / "media"
    (folder / "holiday").mkdir(parents=True)
    (folder / "photo.png").write_bytes(PICTURE)
    (folder / "holiday" / "beach 1.png").write_bytes(png(7))
    return folder
