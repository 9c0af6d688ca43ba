from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clients.ollama_server import OllamaServer, running_for_ollama


@pytest.fixture(scope="session")
def ollama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OllamaServer]:
    """One server for all tests of this folder."""
    with running_for_ollama(tmp_path_factory.mktemp("ollama")) as server:
        yield server
