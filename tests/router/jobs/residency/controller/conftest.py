"""What stories of the controller have in common."""

from __future__ import annotations

import time

import pytest

from tests.support.residency.stories import Pass


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Lets time pass."""
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    def add(seconds: float) -> None:
        passed[0] += seconds

    return add
