"""What all tests have in common: none touches the keys of whoever runs them, and none has to be quick."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator

import pytest
from fastapi.dependencies import models as fastapi_models
from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")  # unless --hypothesis-profile names another


@pytest.fixture(scope="session", autouse=True)
def _own_key_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = pytest.MonkeyPatch()
    environment.setenv("NEXA_KEY_FILE", str(tmp_path_factory.mktemp("keys") / "keys.sqlite3"))
    environment.delenv("NEXA_API_KEY", raising=False)


@pytest.fixture(scope="module", autouse=True)
def _small_heap() -> Iterator[None]:
    """Garbage collections stay short, which would stop a test for seconds.

    FastAPI's caches keep the functions of each application, and with them some 12 MB of each that has answered. What
    is left after a module (imported code, above all) stays to the end.
    """
    yield
    for cached in vars(fastapi_models).values():
        if isinstance(cached, functools._lru_cache_wrapper):
            cached.cache_clear()
    gc.collect()
    gc.freeze()
