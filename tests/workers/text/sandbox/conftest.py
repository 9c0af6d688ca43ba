"""A sandbox for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.llama.engine import VOCABULARY
from workers.text.sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(model_path: Path) -> Iterator[Sandbox]:
    opened = Sandbox(str(model_path), VOCABULARY)
    opened.open()
    yield opened
    opened.close()
