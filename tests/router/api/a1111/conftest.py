"""Fixtures of the tests of Automatic1111's API."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.requests.images import image_broker
from tests.support.router.fake_broker import FakeBroker


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    return image_broker(media_folder=str(tmp_path / "media"))
