"""A sandbox for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.workers.sandbox_tasks import LIMITS, TEMPLATE
from workers.llama.sandbox.attempt import PreparationAttempt
from workers.llama.sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(model_path: Path) -> Iterator[Sandbox]:
    opened = Sandbox(str(model_path))
    opened.open(TEMPLATE, PreparationAttempt(LIMITS))
    yield opened
    opened.close()
