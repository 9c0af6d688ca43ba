"""Further workers of a model with a long queue, on a real server that finds GPUs which the test has made up."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.support.gpus.made_up import made_up_gpus, visible_to
from tests.support.running_server import RunningServer, running, wait_until

GPU_BYTES = 1_200_000_000
"""Less the margin, the budget holds one worker of the echo engine."""
BUDGET_BYTES = GPU_BYTES - 512_000_000
SOON = ("--extra-worker-wait-s", "0.5", "--extra-worker-idle-s", "2", "--slots", "2")


@contextlib.contextmanager
def on_gpus(count: int, *arguments: str) -> Iterator[RunningServer]:
    """A server on so many GPUs, whose rosters are watched until its end: no budget may ever be exceeded."""
    with made_up_gpus([GPU_BYTES] * count, {"echo": 600_000_000}), running(*arguments, *SOON) as server:
        over: list[Any] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.1):
                rows = server.workers()
                planned = Counter[str]()
                for row in rows:
                    planned.update(row["planned_memory_bytes"])
                if any(size > BUDGET_BYTES for device, size in planned.items() if device != "cpu"):
                    over.append(rows)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield server
        finally:
            done.set()
            watcher.join()
        assert over == []


@contextlib.contextmanager
def users(server: RunningServer, model: str, count: int, answers: list[str]) -> Iterator[None]:
    """So many users who send one request after another; ``answers`` gets the model of each answer."""
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            body = {"model": model, "prompt": "a b c", "max_tokens": 30}
            answers.append(server.post("/v1/completions", body)["model"])

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def ready(server: RunningServer) -> dict[str, str]:
    """The devices of the ready workers, by name."""
    return {row["name"]: row["device"] for row in server.workers() if row["state"] == "ready"}


def pid_of(server: RunningServer, name: str) -> int | None:
    """The process of a worker; None while there is none."""
    pid: int | None = next(row["pid"] for row in server.workers() if row["name"] == name)
    return pid


def process_of(server: RunningServer, name: str) -> int:
    """The process of a worker that runs, or will."""
    return int(wait_until(lambda: pid_of(server, name), f"{name} has a process"))


def test_a_model_on_demand_gets_a_second_worker_on_the_other_gpu_and_loses_it_again() -> None:
    answers: list[str] = []
    with on_gpus(2, "echo:0.05@load=demand") as server:
        with users(server, "echo", 8, answers):
            wait_until(lambda: len(ready(server)) == 2, "a second worker")
            devices = ready(server)
            assert sorted(devices.values()) == ["cuda:0", "cuda:1"]
            for name, device in devices.items():
                assert visible_to(process_of(server, name)) == [device]
            wait_until(lambda: all(row["generated_tokens"] for row in server.workers()), "requests go to both of them")
            former = process_of(server, "echo/1")
            os.kill(former, signal.SIGKILL)
            wait_until(
                lambda: ready(server) == devices and pid_of(server, "echo/1") not in (None, former),
                "it is started again",
            )
            assert visible_to(process_of(server, "echo/1")) == [devices["echo/1"]]
        wait_until(lambda: len(ready(server)) == 1, "one worker is enough")
    assert len(answers) > 8


def test_a_model_of_the_start_keeps_its_workers_and_loses_only_further_ones() -> None:
    with on_gpus(3, "echo:0.05@workers=2") as server:
        wait_until(lambda: len(ready(server)) == 2, "its own workers")
        own = ready(server)
        with users(server, "echo", 16, []):
            wait_until(lambda: len(ready(server)) == 3, "a further worker")
            devices = ready(server)
            assert sorted(devices.values()) == ["cuda:0", "cuda:1", "cuda:2"]
            assert visible_to(process_of(server, "echo/2")) == [devices["echo/2"]]
        wait_until(lambda: ready(server) == own, "only its own workers")


def test_a_second_worker_does_not_take_the_gpu_of_a_model_in_use_and_gives_its_own_to_one_without_any() -> None:
    with on_gpus(2, "echo:0.05@load=demand", "echo:0.01@load=demand") as server:
        others: list[str] = []
        with users(server, "echo", 8, []):
            wait_until(lambda: len(ready(server)) == 2, "a second worker")
            with users(server, "echo-2", 1, others):
                wait_until(lambda: len(others) > 8, "the other model's user is served, and goes on")
                served = ready(server)
                assert "echo-2/0" in served
                assert len([name for name in served if name.startswith("echo/")]) == 1
