"""The servers that are compared: both load the same files on demand and have room for one of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.servers.processes import NotReady, free_port, stop, wait_until_ready


@dataclass(frozen=True, slots=True)
class Setting:
    """What both servers have in common. ``context`` is that of one request in tokens, ``slots`` those of each model."""

    models: tuple[Path, ...]
    threads: int
    context: int
    slots: int


@dataclass(frozen=True, slots=True)
class Rival:
    """A server to compare: how it is started on a port, when it is ready, and what it logs for each load.

    ``resident`` is the path of a list of models or workers, and whether one of its rows is of a loaded model.
    """

    name: str
    command: Callable[[Setting, int], list[str]]
    ready_path: str
    load_line: str
    resident: tuple[str, Callable[[Any], bool]]


class Running:
    """A running server."""

    def __init__(self, server: Rival, url: str, log: Path) -> None:
        self._server, self._log = server, log
        self.url = url

    def loads(self) -> int:
        """How many models it has loaded since its start, as its log tells."""
        return self._log.read_text("utf-8", "replace").count(self._server.load_line)

    def resident(self) -> int:
        """How many models are loaded now."""
        path, is_loaded = self._server.resident
        return sum(map(is_loaded, _rows(f"{self.url}{path}")))


def nexa(patience_s: float, budget_bytes: int) -> Rival:
    """This server with a patience, and a memory of which the models can have so many bytes; 0 for all that is free."""

    def command(setting: Setting, port: int) -> list[str]:
        options = ["--threads", setting.threads, "--nctx", setting.context, "--slots", setting.slots, "--port", port]
        options += ["--swap-patience-s", patience_s]
        options += ["--memory-budget", budget_bytes] if budget_bytes else []
        models = [f"{path}@load=demand" for path in setting.models]
        return [sys.executable, "-m", "router.cli", "server", *models, *map(str, options)]

    return Rival(f"nexa, patience {patience_s:g} s", command, "/ready", " loading worker=", ("/v1/workers", _is_ready))


def llama_server(program: Path) -> Rival:
    """llama.cpp's own server in its router mode, with one model at a time. All models are in one folder."""

    def command(setting: Setting, port: int) -> list[str]:
        options = ["--models-dir", setting.models[0].parent, "--models-max", 1, "--port", port]
        options += ["--threads", setting.threads, "--parallel", setting.slots]
        options += ["--ctx-size", setting.context * setting.slots]
        return [str(program), *map(str, options)]

    line = "spawning server instance with name="
    return Rival("llama-server, router mode", command, "/health", line, ("/models", _is_loaded))


@contextlib.contextmanager
def running(server: Rival, setting: Setting, state: Path) -> Iterator[Running]:
    """Start a server, wait until it answers, yield it, and stop it afterwards. ``state`` keeps what it learns.

    Raises:
        NotReady: it ended, or did not answer in time; the message has the end of its log.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        environment = {**os.environ, "NEXA_KEY_FILE": f"{folder}/keys.sqlite3", "NEXA_STATE_FOLDER": str(state)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                server.command(setting, port),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until_ready(f"{url}{server.ready_path}", [process])
            yield Running(server, url, log)
        except NotReady as error:
            raise NotReady(f"{server.name}: {error}\n{log.read_text('utf-8', 'replace')[-2000:]}") from None
        finally:
            stop(process)


def needs_bytes(url: str) -> dict[str, int]:
    """The memory that each model of this server needs, as it tells; 0 if it cannot tell."""
    return {row["id"]: row["memory_bytes"] or 0 for row in _rows(f"{url}/v1/models")}


def _rows(url: str) -> list[Any]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        rows: list[Any] = json.load(answer)["data"]
        return rows


def _is_ready(worker: Any) -> bool:
    return bool(worker["state"] == "ready")


def _is_loaded(model: Any) -> bool:
    return bool(model["status"]["value"] == "loaded")


def budget_for_one(needs: dict[str, int], least_bytes: int = 0) -> int:
    """A memory of at least ``least_bytes`` that holds any one of the models, but no two.

    Raises:
        ValueError: there is none, because one model needs more than two others.
    """
    sizes = sorted(needs.values())
    budget_bytes = max((sizes[-1] + sum(sizes[:2])) // 2, least_bytes)
    if len(sizes) < 2 or not sizes[0] or budget_bytes >= sum(sizes[:2]):
        raise ValueError(f"models: expected some of which any two need more memory than any one, got {needs}")
    return budget_bytes
