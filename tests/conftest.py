"""What all tests have in common: none touches the keys of whoever runs them."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_key_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = pytest.MonkeyPatch()
    environment.setenv("NEXA_KEY_FILE", str(tmp_path_factory.mktemp("keys") / "keys.sqlite3"))
    environment.delenv("NEXA_API_KEY", raising=False)
