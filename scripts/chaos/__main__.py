"""The chaos test: inject faults into a server under load, and check every answer.

    python -m scripts.chaos                              two workers of the echo engine, 60 seconds
    python -m scripts.chaos --model smollm2 --seconds 120
    python -m scripts.chaos --speech --images            with a speech and an image model

A server with two workers is under load from 16 clients that know the right answers. Meanwhile its workers are killed,
suspended and restarted, its router is killed, messages between its processes are lost and delayed, the disk is full,
clients disconnect, garbage is sent, and so are requests that kill their workers. At the end, every accepted request
must have been answered exactly once, completely and in order; no job may be left; SIGTERM must end the server with
exit code 0. The exit code is 1 after any violation. ``--seed`` determines faults and requests, but not their timing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

import aiohttp

from scripts.chaos.checks import check_end, check_figures, check_idle, table
from scripts.chaos.clients import Client
from scripts.chaos.expected import EchoAnswers, ModelAnswers
from scripts.chaos.faults.disk import DiskFaults
from scripts.chaos.faults.injection import Injector
from scripts.chaos.faults.processes import ProcessFaults
from scripts.chaos.faults.requests import RequestFaults
from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer, Figures
from scripts.make_tiny_sd import make_tiny_sd

SPEECH_MODEL = "faster-whisper-tiny"
FINISH_TIMEOUT_S = 180.0
WARM_UP_S = {"echo": 2.0, "model": 10.0}


def main(words: list[str] | None = None) -> int:
    """Run the test; returns 1 if anything was violated."""
    options = _parser().parse_args(words)
    return asyncio.run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    record = Record()
    models = [options.model, *([SPEECH_MODEL] if options.speech else [])]
    if options.images:
        painter = Path(tempfile.gettempdir()) / "nexa-chaos-painter.gguf"
        make_tiny_sd(painter)
        models.append(str(painter))
    settings = ["--workers", "2", "--drain-timeout-s", "5", "--nctx", "2048", "--cache-bytes", "50M"]
    server = ChaosServer(models, options.drop, options.delay, options.seed, settings)
    echo = _is_echo(options.model)
    answers = EchoAnswers() if echo else ModelAnswers(options.model)
    ties_before = 0
    before: dict[str, Figures] = {}
    after: dict[str, Figures] = {}
    try:
        async with _session() as session:
            await server.wait_ready(session)
            await answers.prepare(session, server.url)
            await _load(server, answers, record, options, WARM_UP_S["echo" if echo else "model"], harm=False)
            ties_before = len(answers.margins) if isinstance(answers, ModelAnswers) else 0
            await check_idle(server, session, record)
        before = server.figures()
        await _load(server, answers, record, options, options.seconds, harm=True)
        async with _session() as session:
            await check_idle(server, session, record)
        after = await check_figures(server, before, record)
    finally:
        check_end(server, record)
    _count_losses(server, record)
    print(table(record, before, after, _ties(answers, ties_before)))
    if record.violations:
        print(f"the server's log: {server.log_path}")
    return 1 if record.violations else 0


async def _load(
    server: ChaosServer,
    answers: EchoAnswers | ModelAnswers,
    record: Record,
    options: argparse.Namespace,
    seconds: float,
    harm: bool,
) -> None:
    """Run all clients for ``seconds``, with faults if ``harm`` is set; then let them finish."""
    stopping = asyncio.Event()
    async with _session() as session:
        names = [f"client{number}" for number in range(options.clients)]
        work = [
            asyncio.create_task(
                Client(name, server.url, answers, record, f"{options.seed}/{harm}/{name}").run(session, stopping)
            )
            for name in names
        ]
        if harm:
            work.append(asyncio.create_task(_harm(server, record, options, session, stopping)))
        done, _ = await asyncio.wait(work, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        stopping.set()
        done, running = await asyncio.wait(work, timeout=FINISH_TIMEOUT_S)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if running:
            record.violation(f"{len(running)} clients did not finish within {FINISH_TIMEOUT_S:.0f} s")
        for task in done:
            task.result()


async def _harm(
    server: ChaosServer,
    record: Record,
    options: argparse.Namespace,
    session: aiohttp.ClientSession,
    stopping: asyncio.Event,
) -> None:
    """Inject all kinds of faults until ``stopping`` is set."""
    chooser = random.Random(f"{options.seed}/faults")
    processes = ProcessFaults(server, record, chooser)
    others = (
        RequestFaults(server, record, chooser, options.speech, _is_echo(options.model)),
        DiskFaults(server, record, options.images),
    )
    kinds = [*processes.kinds, *(kind for group in others for kind in group.kinds)]
    try:
        await Injector(kinds, chooser, options.interval).run(session, stopping)
    finally:
        await processes.close()


def _count_losses(server: ChaosServer, record: Record) -> None:
    """Count the lost and delayed messages that workers logged at their end; a killed worker logs none."""
    for line in server.output().splitlines():
        if "chaos on the wire" in line:
            facts = dict(part.split("=", 1) for part in line.split() if "=" in part)
            record.faults["messages lost on the wire (at least)"] += int(facts.get("dropped", 0))
            record.faults["messages delayed on the wire (at least)"] += int(facts.get("delayed", 0))


def _ties(answers: EchoAnswers | ModelAnswers, ties_before: int) -> str:
    """How many texts differ after a near-tie, and its largest margin, before any fault and afterwards."""
    if isinstance(answers, EchoAnswers):
        return ""
    parts = {"before any fault": answers.margins[:ties_before], "afterwards": answers.margins[ties_before:]}
    return ", ".join(f"{len(part)} {when} (largest {max(part, default=0):.2f})" for when, part in parts.items())


def _is_echo(model: str) -> bool:
    return model.partition(":")[0] == "echo"


def _session() -> aiohttp.ClientSession:
    """A session that opens a new connection for each request."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="echo:0.01", help="echo:SECONDS_PER_STEP, or a model (default echo:0.01)")
    parser.add_argument("--speech", action="store_true", help="serve a speech model too")
    parser.add_argument("--images", action="store_true", help="serve a small image model with random weights too")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to inject faults (default 60)")
    parser.add_argument("--interval", type=float, default=1.0, help="mean time between faults in seconds (default 1)")
    parser.add_argument("--clients", type=int, default=16, help="concurrent clients (default 16)")
    parser.add_argument("--drop", type=float, default=0.02, help="fraction of messages lost (default 0.02)")
    parser.add_argument("--delay", type=float, default=0.02, help="fraction of messages delayed (default 0.02)")
    parser.add_argument("--seed", type=int, default=1, help="seed of faults and requests (default 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
