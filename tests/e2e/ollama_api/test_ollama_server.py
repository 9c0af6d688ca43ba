"""Ollama's port and its streams, when processes die."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import httpx

from tests.support.clients.ollama_server import OllamaServer
from tests.support.running_server import wait_until

COUNTING = {"model": "smollm2", "prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,", "raw": True}
OPTIONS = {"temperature": 0, "num_predict": 100}


def test_a_stream_of_lines_survives_its_worker(ollama_server: OllamaServer) -> None:
    """The text after a kill -9 in mid-stream is the text without one."""
    server = ollama_server.server
    wait_until(lambda: len(server.worker_pids()) == 2, "both workers are ready")
    body = {**COUNTING, "options": OPTIONS}
    calm: dict[str, Any] = httpx.post(f"{ollama_server.url}/api/generate", json={**body, "stream": False}).json()
    text, killed, last = "", False, {}
    with httpx.stream("POST", f"{ollama_server.url}/api/generate", json=body, timeout=60) as answer:
        for line in answer.iter_lines():
            last = json.loads(line)
            text += last["response"]
            if not killed and len(text) > 20:
                killed = True
                busy = wait_until(lambda: [row["pid"] for row in server.workers() if row["running"]], "one is busy")
                os.kill(busy[0], signal.SIGKILL)
    assert killed
    assert text == calm["response"]
    assert (last["done"], last["eval_count"]) == (True, 100)
    wait_until(lambda: len(server.worker_pids()) == 2, "both workers are ready")


def test_port_and_copied_names_survive_the_router(ollama_server: OllamaServer) -> None:
    copied = httpx.post(f"{ollama_server.url}/api/copy", json={"source": "smollm2", "destination": "kept"})
    assert copied.status_code == 200
    os.kill(ollama_server.server.router_pid(), signal.SIGKILL)

    def names() -> list[str]:
        try:
            return [row["name"] for row in httpx.get(f"{ollama_server.url}/api/tags").json()["models"]]
        except httpx.HTTPError:
            return []

    try:
        wait_until(lambda: names() == ["smollm2:latest", "kept:latest"], "the next router answers")
        assert httpx.get(ollama_server.url).text == "Ollama is running"
        assert httpx.get(ollama_server.server.url).headers["Content-Type"].startswith("text/html")
    finally:
        httpx.request("DELETE", f"{ollama_server.url}/api/delete", json={"model": "kept"})
