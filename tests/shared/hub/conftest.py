"""A hub with one small model, and an empty store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.hub.client import Hub
from shared.hub.store import ModelStore
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub
from tests.support.models.tiny_repository import MODEL


@pytest.fixture
def hub() -> Iterator[HubServer]:
    repo = FakeRepo({"tiny-Q4_K_M.gguf": MODEL, "README.md": b"# Tiny"}, plain={"README.md"})
    with serve_hub(owner__tiny=repo) as server:
        yield server


@pytest.fixture
def store(hub: HubServer, tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", Hub(hub.url, retry_delay_s=0.0))
