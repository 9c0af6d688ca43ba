"""Users of models that exclude each other: this server against llama-server's router mode with one model at a time.

    python -m scripts.bench.residency.real --llama-server PROGRAM A.gguf B.gguf

Each server in turn is started on the same files, with the same threads, context and slots, and room for one model. Each
user talks to one model and sends the next request when the last one is answered. Before the first round, this server
loads each model once: so it knows what they need, and the files are in the page cache for both.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from scripts.bench.measurements.spread import spread
from scripts.bench.residency.real.servers import (
    Rival,
    Setting,
    budget_for_one,
    llama_server,
    needs_bytes,
    nexa,
    running,
)
from scripts.bench.residency.real.users import Load, Turns, drive, turns_of
from scripts.bench.servers.processes import NotReady

Rounds = dict[str, list[Turns]]

TELL_S = 60.0


def main() -> int:
    """Measure, and print a table; returns the exit code, 1 if a request failed."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are stopped
    load = Load(tuple(path.stem for path in options.models), options.users, options.requests, options.max_tokens)
    with tempfile.TemporaryDirectory() as folder:
        models = tuple(Path(folder, "models", path.name) for path in options.models)
        models[0].parent.mkdir()
        for link, path in zip(models, options.models, strict=True):
            link.symlink_to(path.resolve())
        setting = Setting(models, options.threads, options.context, options.slots)
        try:
            budget_bytes = _learn(setting, load, Path(folder))
            peer = llama_server(options.llama_server.resolve())
            servers = [peer, *(nexa(patience_s, budget_bytes) for patience_s in options.patience_s)]
            rounds = _measure(servers, setting, load, options.rounds, Path(folder))
        except (NotReady, ValueError) as error:
            sys.exit(f"bench: {error}")
    print("\n".join(table(rounds, peer.name)))
    return 1 if any(turns.failures for each in rounds.values() for turns in each) else 0


def _learn(setting: Setting, load: Load, state: Path) -> int:
    """Load each model once, with all memory; returns the budget that holds one of them."""
    with running(nexa(30.0, 0), setting, state) as server:
        drive(server.url, Load(load.models, len(load.models), 1, load.max_tokens), "first")
        estimated_bytes = max(needs_bytes(server.url).values())  # what other sizes than those learnt go by
    with running(nexa(30.0, 0), setting, state) as server:  # what it has learnt counts from the next start
        needs = _told_needs(server.url, load)
    print(f"bench: needs {needs}, budget {budget_for_one(needs, estimated_bytes)} bytes", file=sys.stderr, flush=True)
    return budget_for_one(needs, estimated_bytes)


def _told_needs(url: str, load: Load) -> dict[str, int]:
    """What each model needs, once the server has looked at all of them.

    Raises:
        NotReady: it does not tell in time.
    """
    deadline_s = time.monotonic() + TELL_S
    while True:
        needs = {name: needs_bytes(url)[name] for name in load.models}
        if all(needs.values()):
            return needs
        if time.monotonic() > deadline_s:
            raise NotReady(f"nexa: expected what all models need within {TELL_S:g} s, got {needs}")
        time.sleep(0.5)  # between two looks: the server estimates in the background


def _measure(servers: list[Rival], setting: Setting, load: Load, rounds: int, state: Path) -> Rounds:
    """The servers alternate, and each round begins with another one."""
    found: Rounds = {server.name: [] for server in servers}
    for number in range(rounds):
        first = number % len(servers)
        for server in servers[first:] + servers[:first]:
            with running(server, setting, state) as started:
                total_s, outcomes = drive(started.url, load, f"{number}")
                turns = turns_of(total_s, started.loads(), outcomes)
                if started.resident() > 1:
                    raise ValueError(f"{server.name}: expected one loaded model at a time, got {started.resident()}")
            found[server.name].append(turns)
            print(f"bench: round {number + 1}, {server.name}: {json.dumps(_row(turns))}", file=sys.stderr, flush=True)
    return found


def _row(turns: Turns) -> dict[str, object]:
    waits_s = {name: round(turns.wait_s(percent), 2) for name, percent in (("median", 50), ("p95", 95), ("worst", 100))}
    told = {"total_s": round(turns.total_s, 1), "loads": turns.loads, **waits_s, "tokens": turns.tokens}
    return told | {"failures": turns.failures, "first_error": turns.first_error, "load_average": os.getloadavg()[0]}


def table(rounds: Rounds, peer: str) -> list[str]:
    """Medians of the rounds, and the ratio to the peer's total time within each round: median, least and greatest."""
    lines = [
        "| Server | Total | Ratio (rounds) | Loads | Median wait | 95 % | Longest | Failed |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for name, each in rounds.items():
        ratios = [ours.total_s / theirs.total_s for ours, theirs in zip(each, rounds[peer], strict=True)]
        ratio = spread(ratios) if name != peer else "1"
        waits_s = [statistics.median(turns.wait_s(percent) for turns in each) for percent in (50, 95)]
        longest_s = max(turns.wait_s(100) for turns in each)
        lines.append(
            f"| {name} | {statistics.median(turns.total_s for turns in each):.0f} s | {ratio} |"
            f" {statistics.median(turns.loads for turns in each):g} | {waits_s[0]:.1f} s | {waits_s[1]:.1f} s |"
            f" {longest_s:.1f} s | {sum(turns.failures for turns in each)} |"
        )
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", help="GGUF files, of which one at a time has room")
    parser.add_argument("--llama-server", type=Path, required=True, metavar="PROGRAM", help="llama-server's program")
    parser.add_argument("--users", type=int, default=2, help="users, in turn of each model (default 2)")
    parser.add_argument("--requests", type=int, default=20, help="of each user (default 20)")
    parser.add_argument("--max-tokens", type=int, default=32, help="of each answer (default 32)")
    parser.add_argument("--patience-s", type=float, nargs="+", default=[30.0, 2.0], help="ours (default 30 2)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--context", type=int, default=1024, help="of one request in tokens (default 1024)")
    parser.add_argument("--slots", type=int, default=2, help="of each model (default 2)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
