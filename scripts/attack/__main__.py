"""Attack a server on this machine, and see what honest clients notice.

    python -m scripts.attack                     list the attacks
    python -m scripts.attack NAME...             one after the other
    python -m scripts.attack all --together --seconds 600

Each attack runs in a process of its own, so that its work does not delay the honest clients. The table has, per attack:
what the attacker got, processes that died, the longest waits of honest clients for ``/health`` and for the next token,
and the router's peak memory. The exit code is 1 if a target was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from multiprocessing import get_context

from scripts.attack.groups import load_groups
from scripts.attack.honest import HonestLoad
from scripts.attack.registry import ATTACKS, Attack
from scripts.attack.report import Result, table
from scripts.attack.running import run_attack
from scripts.attack.target import Target
from scripts.attack.watch import ProcessWatch
from scripts.chaos.server import ChaosServer

CALM_S = 1.0
"""Time before and after an attack that counts as part of it."""


def main(words: list[str] | None = None) -> int:
    """Run the attacks; returns 1 if a target was missed."""
    load_groups()
    options = _parser().parse_args(words)
    if not options.names:
        print("\n".join(f"{one.name:20} {one.what}" for one in ATTACKS.values()))
        return 0
    chosen = list(ATTACKS.values()) if "all" in options.names else [ATTACKS[name] for name in options.names]
    results = []
    for words_of_server, group in groupby(sorted(chosen, key=lambda one: one.server), key=lambda one: one.server):
        server_words = [*words_of_server, *options.server_option]
        results += asyncio.run(_on_one_server(server_words, list(group), options.together, options.seconds))
    print(table(results))
    return 1 if any(result.missed for result in results) else 0


async def _on_one_server(words: list[str], attacks: list[Attack], together: bool, seconds: float) -> list[Result]:
    server = ChaosServer(words[:1], 0, 0, 0, words[1:])
    target = Target(server.port, words[0].partition(":")[0], server.process.pid)
    load, watch = HonestLoad(target), ProcessWatch(server)
    try:
        async with target.session("127.0.0.1") as session:
            await server.wait_ready(session)
        load.start()
        watch.start()
        rounds = [attacks] if together else [[one] for one in attacks]
        with ProcessPoolExecutor(len(rounds[0]), get_context("spawn"), initializer=load_groups) as pool:
            return [await _one_round(pool, target, part, load, watch, seconds) for part in rounds]
    finally:
        await load.stop()
        await watch.stop()
        server.stop()


async def _one_round(
    pool: ProcessPoolExecutor,
    target: Target,
    attacks: Sequence[Attack],
    load: HonestLoad,
    watch: ProcessWatch,
    seconds: float,
) -> Result:
    """Run some attacks at the same time, each again and again for ``seconds``, at least once."""
    await asyncio.get_running_loop().run_in_executor(pool, load_groups)  # starts the processes
    load.take()
    watch.take()
    started_at_s = time.monotonic()
    await asyncio.sleep(CALM_S)
    got = await asyncio.gather(
        *(asyncio.get_running_loop().run_in_executor(pool, run_attack, one.name, target, seconds) for one in attacks)
    )
    await asyncio.sleep(CALM_S)
    died, peak_bytes = watch.take()
    names = "+".join(one.name for one in attacks)
    return Result(names, " / ".join(got), time.monotonic() - started_at_s, died, load.take(), peak_bytes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.attack", description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", type=_attack, metavar="NAME", help="attacks, or all; without names, list them"
    )
    parser.add_argument("--together", action="store_true", help="run them at the same time")
    parser.add_argument("--seconds", type=float, default=0.0, help="repeat each for this long (default once)")
    parser.add_argument(
        "--server-option", action="append", default=[], metavar="WORD", help="a further word for nexa server"
    )
    return parser


def _attack(name: str) -> str:
    if name != "all" and name not in ATTACKS:
        raise argparse.ArgumentTypeError(f"expected an attack of the list, or all; got {name!r}")
    return name


if __name__ == "__main__":
    sys.exit(main())
