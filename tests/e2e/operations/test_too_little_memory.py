"""A load that finds too little memory, on a real server: another model leaves, and it is tried once more."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.residency.counting_server import COUNTS
from tests.support.running_server import RunningServer, running, wait_until

CHAT: dict[str, Any] = {"model": "smollm2", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
MAKES_ROOM = "makes room for smollm2, which found too little memory"
ADDRESS_SPACE_BYTES = 10 * 1000**3
"""Enough for a worker, not for one with a KV cache of a million tokens (23 GB)."""


@pytest.fixture
def kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "vmstat"
    monkeypatch.setenv(COUNTS, str(file))
    return file


@contextlib.contextmanager
def serving(context_tokens: int, kills: Path) -> Iterator[RunningServer]:
    """A text model and the echo engine on demand, with enough memory by the plan. The echo engine is loaded.

    The kernel's kills for lack of memory are counted in ``kills``: a stand-in, which the tests that play it write to.
    """
    models = (f"smollm2@load=demand,nctx={context_tokens}", "echo@load=demand")
    kills.write_text("oom_kill 0\n")
    with running(*models, "--memory-budget", "60G", module="tests.support.residency.counting_server") as ready:
        assert ready.post("/v1/chat/completions", {**CHAT, "model": "echo"})["choices"]
        yield ready


def state_of(server: RunningServer, model: str) -> str:
    return next((row["state"] for row in server.workers() if row["model"] == model), "")


def loading_pids(server: RunningServer) -> list[int]:
    """The workers that will have loaded the model within a second, unless something happens to them."""
    found = []
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            if "workers" in words and "smollm2" in words:
                found.append(process.pid)
    return found if state_of(server, "smollm2") != "ready" else []


def test_a_load_that_the_system_kills_makes_room_and_is_tried_once_more(kills: Path) -> None:
    with serving(1024, kills) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.post, "/v1/chat/completions", CHAT)
        pid = wait_until(lambda: loading_pids(server), "it loads")[0]
        kills.write_text("oom_kill 1\n")
        os.kill(pid, signal.SIGKILL)
        assert answer.result(120)["choices"]
        assert MAKES_ROOM in server.output()
        assert state_of(server, "smollm2") == "ready"
        assert state_of(server, "echo") != "ready"


def test_a_load_that_someone_kills_twice_begins_anew_and_harms_no_other_model(kills: Path) -> None:
    with serving(1024, kills) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.post, "/v1/chat/completions", CHAT)
        first = wait_until(lambda: loading_pids(server), "it loads")
        os.kill(first[0], signal.SIGKILL)
        second = wait_until(lambda: [pid for pid in loading_pids(server) if pid not in first], "it loads again")
        os.kill(second[0], signal.SIGKILL)
        assert answer.result(120)["choices"]
        assert MAKES_ROOM not in server.output()
        assert state_of(server, "echo") == "ready"


def test_a_load_without_room_for_its_cache_is_tried_once_more_and_harms_no_other_model(kills: Path) -> None:
    with serving(1_000_000, kills) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, resource.RLIM_INFINITY))
        refused = server.client.post("/v1/chat/completions", json=CHAT, timeout=120)
        assert refused.status_code == 503
        assert "not enough memory" in refused.json()["error"]["message"]
        assert server.output().count("smollm2 cannot be loaded: not enough memory") == 2
        assert MAKES_ROOM in server.output()
        assert server.post("/v1/chat/completions", {**CHAT, "model": "echo"})["choices"]
