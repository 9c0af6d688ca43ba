"""Models that are loaded on demand, on a real server whose memory holds one of them at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.recordings import JFK
from tests.support.router.metrics import values
from tests.support.running_server import RunningServer, running, wait_until

BUDGET = ("--memory-budget", "520M", "--swap-patience-s", "2", "--nctx", "1024")
CHAT: dict[str, Any] = {"model": "smollm2", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
SPEECH = "faster-whisper-tiny"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """``nexa server`` with a text model and a speech model on demand, of which the memory holds one."""
    with running("smollm2@load=demand", f"{SPEECH}@load=demand", *BUDGET) as ready:
        yield ready


def chat(server: RunningServer) -> None:
    assert server.post("/v1/chat/completions", CHAT)["choices"][0]["message"]["content"]


def hear(server: RunningServer) -> None:
    with JFK.open("rb") as recording:
        answer = server.client.post(
            "/v1/audio/transcriptions", files={"file": recording}, data={"model": SPEECH}, timeout=120.0
        )
    assert answer.status_code == 200, answer.text
    assert "country" in answer.json()["text"]


def states(server: RunningServer) -> dict[str, str]:
    return {row["model"]: row["state"] for row in server.workers()}


def repeat(request: Callable[[RunningServer], None], server: RunningServer, until_s: float) -> int:
    """Send requests one after another until then; returns how many were answered. There is one at least."""
    answered = 0
    while not answered or time.monotonic() < until_s:
        request(server)
        answered += 1
    return answered


def two_of_each(server: RunningServer, seconds: float) -> list[int]:
    """Two users of each model at once; returns how many requests of each were answered."""
    until_s = time.monotonic() + seconds
    with ThreadPoolExecutor(4) as pool:
        users = [pool.submit(repeat, request, server, until_s) for request in (chat, hear, chat, hear)]
        return [user.result(180) for user in users]


def test_a_server_is_ready_before_any_model_is_loaded_and_a_request_loads_its_model(server: RunningServer) -> None:
    assert server.status("/ready") == 200
    chat(server)
    assert states(server)["smollm2"] == "ready"


def test_a_model_leaves_for_another_and_all_requests_of_both_are_answered(server: RunningServer) -> None:
    answered = two_of_each(server, 12.0)
    assert all(answered)
    assert server.output().count("makes room for") >= 2
    assert sum(state == "ready" for state in states(server).values()) == 1
    assert "worker lost" not in server.output()


def test_orders_to_load_models_that_exclude_each_other_are_all_done(server: RunningServer) -> None:
    def load(model: str) -> str:
        command = [sys.executable, "-m", "router.cli", "load", model, "--url", server.url]
        return subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stdout

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(load, ("smollm2", SPEECH))) == ["smollm2 is loaded\n", f"{SPEECH} is loaded\n"]


def test_metrics_and_lists_tell_of_the_swaps(server: RunningServer) -> None:
    seen = values(server.client.get("/metrics").text)
    for model in ("smollm2", SPEECH):
        assert seen[f'nexa_model_loads_total{{model="{model}"}}'] >= 1
        assert seen[f'nexa_swap_wait_seconds_count{{model="{model}"}}'] >= 1
        assert seen[f'nexa_swap_wait_seconds_sum{{model="{model}"}}'] > 0
    assert sum(seen[f'nexa_model_unloads_total{{model="{model}",reason="room"}}'] for model in ("smollm2", SPEECH)) >= 2
    assert seen['nexa_device_memory_budget_bytes{device="cpu"}'] == 520_000_000
    assert (seen['nexa_models{state="ready"}'], seen['nexa_models{state="unloaded"}']) == (1, 1)

    command = [sys.executable, "-m", "router.cli", "ps", "--json", "--url", server.url]
    loaded, away = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert (loaded["state"], away["state"], away["unload_reason"]) == ("ready", "unloaded", "room")
    assert loaded["devices"] == ["cpu"]
    assert 0 < loaded["unloads_in_s"] <= 900
    (row,) = [row for row in server.workers() if row["state"] == "ready"]
    assert row["loaded_at"] == loaded["loaded_at"]
    labels = f'device="cpu",model="{loaded["model"]}"'
    assert seen[f"nexa_model_memory_planned_bytes{{{labels}}}"] == row["planned_memory_bytes"]["cpu"]
    assert seen[f"nexa_model_memory_bytes{{{labels}}}"] > 0
    assert row["measured_memory_bytes"]["cpu"] == row["memory_bytes"]


def test_a_worker_that_dies_while_it_loads_costs_no_request(server: RunningServer) -> None:
    killed = threading.Event()

    def kill_one_that_loads() -> None:
        def loading() -> list[int]:
            return [row["pid"] for row in server.workers() if row["state"] == "loading" and row["pid"]]

        os.kill(wait_until(loading, "a worker loads")[0], signal.SIGKILL)
        killed.set()

    killer = threading.Thread(target=kill_one_that_loads)
    killer.start()
    answered = two_of_each(server, 10.0)
    killer.join()
    assert killed.is_set()
    assert all(answered)


def test_a_new_router_finds_what_is_loaded_and_goes_on_with_swaps(server: RunningServer) -> None:
    hear(server)
    os.kill(server.router_pid(), signal.SIGKILL)
    wait_until(lambda: server.status("/ready") == 200, "another router is ready")
    chat(server)
    hear(server)


def test_a_model_that_cannot_fit_is_refused_with_the_figures() -> None:
    with running("smollm2@load=demand", "echo", "--memory-budget", "50M") as server:
        wait_until(
            lambda: server.client.post("/v1/chat/completions", json=CHAT).status_code == 503, "the model does not fit"
        )
        message = server.client.post("/v1/chat/completions", json=CHAT).json()["error"]["message"]
        assert "needs about" in message
        assert "budget" in message
        assert server.post("/v1/chat/completions", {**CHAT, "model": "echo"})["choices"]


def test_a_model_on_demand_gets_what_those_of_the_start_leave() -> None:
    with running("smollm2@load=demand", "echo", "--memory-budget", "520M") as server:
        chat(server)
        assert server.post("/v1/chat/completions", {**CHAT, "model": "echo"})["choices"]
