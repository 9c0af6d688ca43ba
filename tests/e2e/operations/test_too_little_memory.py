"""A load that finds too little memory, on a real server: another model leaves, and it is tried once more."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.running_server import RunningServer, running, wait_until

CHAT: dict[str, Any] = {"model": "smollm2", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
MAKES_ROOM = "makes room for smollm2, which found too little memory"
ADDRESS_SPACE_BYTES = 10 * 1000**3
"""Enough for a worker, not for one with a KV cache of a million tokens (23 GB)."""


@contextlib.contextmanager
def serving(context_tokens: int) -> Iterator[RunningServer]:
    """A text model and the echo engine on demand, with enough memory by the plan. The echo engine is loaded."""
    models = (f"smollm2@load=demand,nctx={context_tokens}", "echo@load=demand")
    with running(*models, "--memory-budget", "60G") as ready:
        assert ready.post("/v1/chat/completions", {**CHAT, "model": "echo"})["choices"]
        yield ready


def state_of(server: RunningServer, model: str) -> str:
    return next((row["state"] for row in server.workers() if row["model"] == model), "")


def loading_pids(server: RunningServer) -> list[int]:
    rows = [row for row in server.workers() if row["model"] == "smollm2"]
    return [row["pid"] for row in rows if row["state"] == "loading" and row["pid"]]


def test_a_load_that_the_system_kills_makes_room_and_is_tried_once_more() -> None:
    with serving(context_tokens=1024) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.post, "/v1/chat/completions", CHAT)
        os.kill(wait_until(lambda: loading_pids(server), "it loads")[0], signal.SIGKILL)
        assert answer.result(120)["choices"]
        assert MAKES_ROOM in server.output()
        assert state_of(server, "smollm2") == "ready"
        assert state_of(server, "echo") != "ready"


def test_a_load_without_room_for_its_cache_is_tried_once_more_and_harms_no_other_model() -> None:
    with serving(context_tokens=1_000_000) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, resource.RLIM_INFINITY))
        refused = server.client.post("/v1/chat/completions", json=CHAT, timeout=120)
        assert refused.status_code == 503
        assert "not enough memory" in refused.json()["error"]["message"]
        assert server.output().count("smollm2 cannot be loaded: not enough memory") == 2
        assert MAKES_ROOM in server.output()
        assert server.post("/v1/chat/completions", {**CHAT, "model": "echo"})["choices"]
