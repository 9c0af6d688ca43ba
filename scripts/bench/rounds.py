"""The rounds: each server in turn is started alone, runs its workloads, and is stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scripts.bench.measurements.figures import CellFigures, Round
from scripts.bench.plan import BURSTS, in_turn, workloads_of
from scripts.bench.servers.contenders import BARE_LOOP, Contender, ContenderFailed, Setting, running
from scripts.bench.workloads.bursts import Bursts, BurstsFailed

WORKLOAD_TIMEOUT_S = 1800.0

Cells = dict[str, CellFigures]


class WorkloadFailed(Exception):
    """A client process failed; the message holds the end of its output."""


@dataclass(slots=True)
class Bench:
    """A run of the benchmark and its results so far.

    With ``interleave``, all servers are restarted for each workload, so that compared figures are measured within a
    minute or two, for machines whose speed drifts. ``rounds`` holds the cells of each round, those of an
    interrupted run at first; ``failed`` a line for each measurement that failed. ``current`` is the round's number.
    """

    contenders: list[Contender]
    chosen: list[str]
    setting: Setting
    number_of_rounds: int
    bursts: Bursts
    burst_rounds: int = 1
    interleave: bool = False
    seed: str = "1"
    api_key: str = ""
    rounds: list[Round] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    current: int = 0

    def run(self, save: Callable[[], object]) -> None:
        """Run what is missing of all rounds; ``save`` is called after each server."""
        for number in range(self.number_of_rounds):
            if number == len(self.rounds):
                self.rounds.append({})
            chosen = [name for name in self.chosen if name != BURSTS or number < self.burst_rounds]
            for part, names in enumerate([[name] for name in chosen] if self.interleave else [chosen]):
                for contender in in_turn(self.contenders, number + part):
                    self._turn(number, contender, workloads_of(contender, names))
                    save()

    def _turn(self, number: int, contender: Contender, names: list[str]) -> None:
        if not names:
            return
        self.current = number + 1
        cells = self.rounds[number].setdefault(contender.name, {})
        missing = [name for name in names if not any(cell == name or cell.startswith(f"{name}-") for cell in cells)]
        if missing:
            _say(f"round {self.current} of {self.number_of_rounds}: {contender.name}")
            self._do(f"{self.seed}.{self.current}", contender, missing, cells)

    def _do(self, seed: str, contender: Contender, names: list[str], cells: Cells) -> None:
        if contender == BARE_LOOP:
            for name in names:
                self._measure(contender, name, cells, partial(_bare_loop, self.setting, seed))
            return
        try:
            with running(contender, self.setting) as url:
                client = Client(url, seed, self.api_key if contender.url else "")
                if contender.url:
                    client.model = served_model(url, self.api_key)
                for name in names:
                    measure = partial(self._bursts, client) if name == BURSTS else partial(client.cells, name)
                    self._measure(contender, name, cells, measure)
        except (ContenderFailed, OSError, ValueError, LookupError) as error:
            self._fail(f"{contender.name}: {error}")

    def _measure(self, contender: Contender, name: str, cells: Cells, measure: Callable[[], Cells]) -> None:
        try:
            measured = measure()
        except (WorkloadFailed, BurstsFailed, subprocess.TimeoutExpired) as error:
            self._fail(f"{contender.name}, {name}: {error}")
            return
        cells |= measured
        for row, cell in measured.items():
            failures = f", {cell['failures']} of {cell['requests']} failed: {cell['first_error']}"
            speed = f"{cell['tokens_per_s']:.1f} tokens/s in {cell['total_s']:.1f} s"
            _say(f"  {row:<6} {speed}{failures if cell['failures'] else ''}")

    def _bursts(self, client: Client) -> Cells:
        form = client.call_form()
        return {BURSTS: self.bursts.measure(client.url, client.model, client.api_key, form, client.seed)}

    def _fail(self, text: str) -> None:
        self.failed.append(f"round {self.current}: {text}")
        _say(f"  failed: {text}")


@dataclass(slots=True)
class Client:
    """Runs the client process against one server."""

    url: str
    seed: str
    api_key: str = ""
    model: str = ""

    def cells(self, workload: str) -> Cells:
        """Run one workload; returns its cells. Raises :class:`WorkloadFailed` or ``subprocess.TimeoutExpired``."""
        options = ["--url", self.url, "--workload", workload, "--seed", self.seed, "--model", self.model]
        cells: Cells = _json_of("scripts.bench.workloads", options, {"BENCH_API_KEY": self.api_key})
        return cells

    def call_form(self) -> str:
        """The form in which the server best answers function calls."""
        form: Any = self.cells("call-form")["call-form"]
        return str(form)


def served_model(url: str, api_key: str) -> str:
    """The name of the first model that a server lists.

    Raises:
        OSError: it does not answer.
        ValueError, LookupError: it gives another kind of answer.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/models", headers=headers), timeout=30) as answer:
        return str(json.load(answer)["data"][0]["id"])


def _bare_loop(setting: Setting, seed: str) -> Cells:
    options = ["--model", str(setting.model_path), "--threads", str(setting.threads), "--seed", seed]
    options += ["--context", str(setting.context), "--slots", str(setting.slots)]
    cells: Cells = _json_of("scripts.bench.servers.bare_loop", options, {})
    return cells


def _json_of(module: str, options: list[str], variables: dict[str, str]) -> Any:
    command = [sys.executable, "-m", module, *options]
    environment = os.environ | variables
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=WORKLOAD_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise WorkloadFailed(f"exit code {done.returncode}: {done.stderr[-1000:].decode('utf-8', 'replace')}")
    return json.loads(done.stdout.splitlines()[-1])


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
