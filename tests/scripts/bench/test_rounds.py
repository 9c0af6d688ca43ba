from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.bench import rounds
from scripts.bench.measurements.figures import cell_of
from scripts.bench.measurements.outcome import Outcome
from scripts.bench.rounds import Bench, Client, WorkloadFailed
from scripts.bench.servers.contenders import LLAMA_CPP_SERVER, LLAMA_SERVER, NEXA, Contender, ContenderFailed, Setting
from scripts.bench.workloads.bursts import Bursts

CELL = cell_of([Outcome(0.0, [0.5], 1.0, tokens=4)], 0.0, 1.0).as_dict()


class Servers:
    """Stand-ins for the servers and the client process. Servers in ``broken`` do not start."""

    def __init__(self, broken: tuple[str, ...] = ()) -> None:
        self.broken = broken
        self.running: list[str] = []
        self.asked: list[tuple[str, str, str]] = []

    @contextlib.contextmanager
    def start(self, contender: Contender, _: Setting) -> Iterator[str]:
        if contender.name in self.broken:
            raise ContenderFailed(f"{contender.name}: it ended with 1")
        self.running.append(contender.name)
        yield contender.name
        self.running.remove(contender.name)

    def cells(self, client: Client, workload: str) -> dict[str, Any]:
        assert self.running == [client.url]
        self.asked.append((client.url, workload, client.seed))
        if workload == "d":
            raise WorkloadFailed("ended with 1")
        return {workload: CELL}


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    servers = Servers()
    monkeypatch.setattr(rounds, "running", servers.start)
    monkeypatch.setattr(Client, "cells", lambda client, workload: servers.cells(client, workload))
    return servers


def bench(contenders: list[Contender], chosen: list[str], number_of_rounds: int = 1) -> Bench:
    return Bench(contenders, chosen, Setting(Path("m.gguf"), 2, 4096, 16), number_of_rounds, Bursts())


def test_in_each_round_each_server_runs_alone_with_new_prompts(servers: Servers) -> None:
    run = bench([NEXA, LLAMA_SERVER], ["a", "e"], number_of_rounds=2)
    run.run(lambda: None)
    assert servers.asked == [
        (name, workload, seed)
        for seed, names in (("1.1", ("nexa", "llama-server")), ("1.2", ("llama-server", "nexa")))
        for name in names
        for workload in ("a", "e")
    ]
    assert [set(figures) for figures in run.rounds] == [{"nexa", "llama-server"}] * 2
    assert not run.failed


def test_an_interrupted_run_goes_on_with_what_is_missing(servers: Servers) -> None:
    run = bench([NEXA, LLAMA_SERVER], ["a", "c", "e"], number_of_rounds=2)
    run.rounds = [{"nexa": {"a": CELL, "c-cold": CELL, "c-warm": CELL, "e": CELL}, "llama-server": {"a": CELL}}]
    run.run(lambda: None)
    asked_first = [(name, workload) for name, workload, seed in servers.asked if seed == "1.1"]
    assert asked_first == [("llama-server", "c"), ("llama-server", "e")]
    assert len([seed for _, _, seed in servers.asked if seed == "1.2"]) == 6
    assert len(run.rounds) == 2


def test_a_server_that_does_not_start_is_reported_and_the_others_run(servers: Servers) -> None:
    servers.broken = ("nexa",)
    run = bench([NEXA, LLAMA_SERVER], ["a"])
    run.run(lambda: None)
    assert run.failed == ["round 1: nexa: nexa: it ended with 1"]
    assert run.rounds == [{"nexa": {}, "llama-server": {"a": CELL}}]


def test_a_workload_that_fails_is_reported_and_the_next_one_follows(servers: Servers) -> None:
    run = bench([NEXA], ["a", "d", "e"])
    run.run(lambda: None)
    assert run.failed == ["round 1: nexa, d: ended with 1"]
    assert run.rounds == [{"nexa": {"a": CELL, "e": CELL}}]


def test_a_server_without_any_of_the_workloads_is_not_started(servers: Servers) -> None:
    run = bench([LLAMA_CPP_SERVER], ["d"])
    run.run(lambda: None)
    assert run.rounds == [{}]
    assert not servers.asked


def test_interleaved_all_servers_run_one_workload_before_the_next(servers: Servers) -> None:
    run = bench([NEXA, LLAMA_SERVER], ["a", "e"])
    run.interleave = True
    run.run(lambda: None)
    assert [asked[:2] for asked in servers.asked] == [
        ("nexa", "a"),
        ("llama-server", "a"),
        ("llama-server", "e"),
        ("nexa", "e"),
    ]
    assert run.rounds == [{"nexa": {"a": CELL, "e": CELL}, "llama-server": {"a": CELL, "e": CELL}}]


def test_results_are_saved_after_each_server(servers: Servers) -> None:
    saved: list[int] = []
    run = bench([NEXA, LLAMA_SERVER], ["a"])
    run.run(lambda: saved.append(len(run.rounds[0])))
    assert saved == [1, 2]
