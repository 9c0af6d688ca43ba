"""Fixtures of the image endpoints' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.requests.images import image_broker
from tests.support.router.fake_broker import FakeBroker


@pytest.fixture(autouse=True)
def _drawn_seed_is_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.schemas.images.request.secrets.randbelow", lambda bound: 7)


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    return image_broker(output_folder=str(tmp_path / "images"), media_folder=str(tmp_path / "media"))
