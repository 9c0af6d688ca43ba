from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No option comes from the environment of the tests."""
    for name in [name for name in os.environ if name.startswith("NEXA_")]:
        monkeypatch.delenv(name)
