"""What all tests have in common: none touches the keys of whoever runs them, and none has to be quick."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")  # unless --hypothesis-profile names another


@pytest.fixture(scope="session", autouse=True)
def _own_key_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = pytest.MonkeyPatch()
    environment.setenv("NEXA_KEY_FILE", str(tmp_path_factory.mktemp("keys") / "keys.sqlite3"))
    environment.delenv("NEXA_API_KEY", raising=False)
