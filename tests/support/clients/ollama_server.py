"""A server on Ollama's port too, whose store is empty and whose hub has one small model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub
from tests.support.running_server import RunningServer, free_port, running


@dataclass
class OllamaServer:
    """The server, its URL for Ollama's clients, and its hub."""

    server: RunningServer
    url: str
    hub: HubServer


@contextlib.contextmanager
def running_for_ollama(folder: Path) -> Iterator[OllamaServer]:
    """``nexa server --workers 2 smollm2@embeddings=on --ollama-port PORT``, whose files are in ``folder``."""
    port = free_port()
    repo = FakeRepo({"tiny-Q4_K_M.gguf": build_gguf(tensors=[("t", (512, 512))])})
    models = ["--workers", "2", "--nctx", "2048", "smollm2@embeddings=on,pooling=mean"]
    with serve_hub(owner__tiny=repo) as hub, contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:  # only while it starts: other servers get none of it
            environment.setenv("HF_ENDPOINT", hub.url)
            environment.setenv("NEXA_MODELS", str(folder / "models"))
            environment.setenv("NEXA_STATE_FOLDER", str(folder / "state"))
            server = stack.enter_context(running(*models, "--ollama-port", str(port)))
        yield OllamaServer(server, f"http://127.0.0.1:{port}", hub)
