"""A run folder for each test of the supervisor."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A run folder with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="nexa-test-", dir="/tmp") as path:
        yield Path(path)
