"""A sandbox for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.llama.sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(model_path: Path) -> Iterator[Sandbox]:
    opened = Sandbox(str(model_path))
    opened.open()
    yield opened
    opened.close()
