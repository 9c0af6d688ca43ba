"""Models that a real server loads on demand: by a request, by an operator's order, and by Ollama's clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running_server import RunningServer, running, wait_until

STORY: dict[str, Any] = {"prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running("--load", "demand", "--nctx", "512", "--slots", "2", "smollm2") as started:
        yield started


def state(server: RunningServer) -> str:
    return str(server.client.get("/v1/models/smollm2").json()["state"])


def nexa(server: RunningServer, *words: str) -> str:
    """The output of a command that must succeed."""
    command = [sys.executable, "-m", "router.cli", *words, "--url", server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def unload(server: RunningServer) -> None:
    assert nexa(server, "unload", "smollm2") == "smollm2 is unloaded\n"
    assert state(server) == "unloaded"
    assert server.worker_pids() == []


def test_a_request_loads_a_model_and_an_operator_unloads_it(server: RunningServer) -> None:
    assert server.worker_pids() == []
    first = server.post("/v1/completions", STORY)["choices"][0]["text"]
    assert state(server) == "ready"
    unload(server)
    assert server.post("/v1/completions", STORY)["choices"][0]["text"] == first
    unload(server)


def test_an_operator_loads_a_model_and_sees_what_is_loaded(server: RunningServer) -> None:
    away = nexa(server, "ps").splitlines()
    assert away[1].split()[:2] == ["smollm2", "unloaded"]
    assert nexa(server, "load", "smollm2") == "smollm2 is loaded\n"
    here = nexa(server, "ps").splitlines()
    assert here[1].split()[:3] == ["smollm2", "ready", "cpu"]
    assert server.client.get("/v1/models/smollm2").json()["memory_bytes"] > 0
    unload(server)


def test_a_restart_of_what_is_not_loaded_says_so_at_once(server: RunningServer) -> None:
    nexa(server, "load", "smollm2")
    assert nexa(server, "restart") == "smollm2/0: restarted\n"
    unload(server)
    assert nexa(server, "restart") == "no worker is loaded\n"
    answer = server.client.post("/v1/workers/smollm2/0/restart")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_loaded")


def test_ollamas_keep_alive_loads_and_unloads(server: RunningServer) -> None:
    assert server.client.get("/api/ps").json() == {"models": []}
    assert server.client.get("/api/tags").json()["models"][0]["name"] == "smollm2:latest"
    assert server.post("/api/generate", {"model": "smollm2", "keep_alive": "1h"})["done_reason"] == "load"
    assert state(server) == "ready"
    (row,) = server.client.get("/api/ps").json()["models"]
    assert row["expires_at"] < "2999"
    server.post("/api/generate", {"model": "smollm2", "keep_alive": -1})
    (row,) = server.client.get("/api/ps").json()["models"]
    assert row["expires_at"].startswith("9999")
    server.post("/api/generate", {"model": "smollm2", "prompt": "Hello", "stream": False, "keep_alive": 0})
    wait_until(lambda: state(server) == "unloaded", "the model leaves after its request")
