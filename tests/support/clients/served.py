"""The server that all clients are tried against: every model that they need, and a key for each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from router.keys.store import KeyStore
from scripts.make_minilm import minilm
from tests.support.clients.runs import CHAT_MODEL, EMBEDDER, SCRIPTED_MODEL
from tests.support.models.scripted_model import make_scripted_model
from tests.support.running_server import RunningServer, running, wait_until

CONTEXT_TOKENS = 2048
AGENTS_TOKENS = 65536


def key_name(row: str) -> str:
    """The name of a row's key in the server's log: ``openai-Python-Responses``."""
    return re.sub(r"[^A-Za-z0-9]+", "-", row).strip("-")


class ClientServer:
    """A running server, and its keys by name of row."""

    def __init__(self, server: RunningServer, keys: dict[str, str]) -> None:
        self.server = server
        self.keys = keys

    def requests_of(self, row: str) -> list[dict[str, Any]]:
        """The log's lines about the requests that came with a row's key."""
        lines = [json.loads(line) for line in self.server.output().splitlines() if line.startswith("{")]
        user = key_name(row)
        return [line for line in lines if line.get("message") == "request" and line.get("user") == user]


@contextmanager
def served_for_agents(folder: Path) -> Iterator[RunningServer]:
    """A server with the scripted model alone, whose context has room for what agents say of their tools."""
    model = folder / f"{SCRIPTED_MODEL}.gguf"
    make_scripted_model(model, AGENTS_TOKENS)
    options = ["--nctx", str(AGENTS_TOKENS), "--key-file", str(folder / "keys.sqlite3"), "--log-format", "json"]
    with running(str(model), *options) as server:
        yield server


def logged_requests(server: RunningServer, path: str) -> list[dict[str, Any]]:
    """The log's lines about the requests to a path."""
    lines = [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("message") == "request" and line.get("path") == path]


@contextmanager
def served(rows: Iterable[str], folder: Path) -> Iterator[ClientServer]:
    """The server for the time of a ``with`` block. Its files are in ``folder``."""
    scripted = folder / f"{SCRIPTED_MODEL}.gguf"
    make_scripted_model(scripted)
    store = KeyStore.open(folder / "keys.sqlite3")
    keys = {row: store.create(key_name(row)) for row in rows}
    mine = store.create("tests", admin=True)
    store.close()
    embedder = folder / f"{EMBEDDER}.gguf"
    embedder.symlink_to(minilm())
    options = ["--nctx", str(CONTEXT_TOKENS), "--key-file", str(folder / "keys.sqlite3"), "--log-format", "json"]
    server = RunningServer(CHAT_MODEL, str(scripted), str(embedder), *options)
    server.client.headers["Authorization"] = f"Bearer {mine}"
    try:
        server.wait_ready()
        yield ClientServer(server, keys)
    finally:
        server.stop()


def cancelled(server: ClientServer, row: str) -> bool:
    """Whether a request of this row ended because its client left; waits until it has ended."""
    return bool(
        wait_until(
            lambda: any(line["outcome"] == "cancelled" for line in server.requests_of(row)),
            f"a cancelled request of {row}",
        )
    )
