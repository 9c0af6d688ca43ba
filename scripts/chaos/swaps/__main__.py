"""The chaos test of models that are loaded on demand, of which the memory holds some at a time.

    python -m scripts.chaos.swaps                    60 seconds
    python -m scripts.chaos.swaps --seconds 600 --seed 7

Users ask two text models and a speech model and know the right answers, while the router and the supervisor are killed,
workers are killed when they load and when they leave, orders to load and unload contradict each other, a model's file
vanishes and comes back, models that are cut short appear, and what is noted of the models' memory is damaged. A server
whose supervisor was killed is started again. Requests that break because of that are sent again; in the end, each must
have been answered rightly, each model must answer, and nothing may be left. The exit code is 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

import aiohttp

from scripts.chaos.checks import check_end
from scripts.chaos.faults.injection import Injector
from scripts.chaos.faults.processes import ProcessFaults
from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer, reached
from scripts.chaos.swaps.files import FileFaults
from scripts.chaos.swaps.harm import Harm
from scripts.chaos.swaps.orders import OrderFaults
from scripts.chaos.swaps.processes import SwapKills
from scripts.one_box.overseer import Overseer
from scripts.one_box.questions import Continuations, Subject, Transcripts
from scripts.one_box.report import Swaps, summary
from scripts.one_box.users import NoExcuses, User, Waits
from shared.hub.store import ModelStore
from shared.models.resolution import resolve

COPY = "copied"
"""The name of the model in the folder, whose file vanishes."""

BUDGET = "1000M"
IDLE_S = 60.0


def main(words: list[str] | None = None) -> int:
    """Run the test; returns 1 if anything was violated."""
    options = _parser().parse_args(words)
    with tempfile.TemporaryDirectory(prefix="nexa-chaos-models-") as folder:
        models = Path(folder) / "models"
        models.mkdir()
        shutil.copyfile(resolve("smollm2", ModelStore()).path, models / f"{COPY}.gguf")
        return asyncio.run(_run(options, models))


async def _run(options: argparse.Namespace, folder: Path) -> int:
    subjects: list[Subject] = [Continuations("smollm2"), Continuations(COPY), Transcripts("faster-whisper-tiny")]
    settings = ["--model-folder", str(folder), "--memory-budget", BUDGET, "--swap-patience-s", "3"]
    settings += ["--nctx", "1024", "--slots", "4", "--drain-timeout-s", "5", "--no-foreign-models"]
    models = ["smollm2@load=demand", "faster-whisper-tiny@load=demand"]
    server = ChaosServer(models, options.drop, options.delay, options.seed, settings)
    record, waits = Record(), Waits()
    harm, overseer = Harm(record), Overseer(server, record)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            await server.wait_answering(session)
            for subject in subjects:
                await subject.prepare(session, server.url)
            injector, processes = _faults(server, record, harm, folder, subjects, options)
            stopping, closed = asyncio.Event(), asyncio.Event()
            users = [
                User(number, server.url, [(1.0, one) for one in subjects], record, waits, harm, str(options.seed))
                for number in range(options.users)
            ]
            asking = [asyncio.create_task(user.run(closed)) for user in users]
            tasks = [asyncio.create_task(overseer.run(session, closed)), *asking]
            harming = asyncio.create_task(injector.run(session, stopping))
            await asyncio.wait([harming, *tasks], timeout=options.seconds, return_when=asyncio.FIRST_EXCEPTION)
            stopping.set()
            await harming
            await processes.close()
            closed.set()
            await asyncio.gather(*tasks)
            await _check_calm(server, session, subjects, record, options)
    finally:
        check_end(server, record)
    lost = record.requests["streamed"] + record.requests["whole"] - record.requests["right"]
    if lost:
        record.violation(f"{lost} requests lost or wrong")
    print(_table(options, record, waits, overseer, server, subjects))
    return 1 if record.violations else 0


def _faults(
    server: ChaosServer,
    record: Record,
    harm: Harm,
    folder: Path,
    subjects: list[Subject],
    options: argparse.Namespace,
) -> tuple[Injector, ProcessFaults]:
    """All faults. Those of processes in general are without suspended routers and rolling restarts."""
    chooser = random.Random(f"{options.seed}/faults")
    processes = ProcessFaults(server, record, chooser)
    groups = (
        SwapKills(server, record, harm, chooser),
        OrderFaults(server, record, harm, chooser, [subject.model for subject in subjects]),
        FileFaults(server, record, harm, chooser, folder, COPY),
    )
    kinds = [(1.0, processes.kill_router), *(kind for group in groups for kind in group.kinds)]
    return Injector(kinds, chooser, options.interval), processes


async def _check_calm(
    server: ChaosServer,
    session: aiohttp.ClientSession,
    subjects: list[Subject],
    record: Record,
    options: argparse.Namespace,
) -> None:
    """Every model answers once more, without any excuse, and no job is left."""
    await server.wait_answering(session)
    names = {subject.model for subject in subjects}

    async def served() -> bool:
        async with session.get(f"{server.url}/v1/models") as answer:
            return names <= {row["id"] for row in (await answer.json())["data"] if row["state"] != "failed"}

    if not await reached(served, IDLE_S):
        record.violation(f"not all of {', '.join(sorted(names))} are served {IDLE_S:.0f} s after the last fault")
        return
    calm = User(99, server.url, [], record, Waits(), NoExcuses(), str(options.seed))
    for subject in subjects:
        await calm.ask(session, subject)

    async def idle() -> bool:
        rows = await server.workers(session)
        settled = all(row["state"] in ("ready", "unloaded") and not row["running"] + row["queued"] for row in rows)
        return bool(rows) and settled

    if not await reached(idle, IDLE_S):
        rows = [{key: row[key] for key in ("name", "state", "detail")} for row in await server.workers(session)]
        record.violation(f"jobs or workers not settled {IDLE_S:.0f} s after the last request: {rows}")


def _table(
    options: argparse.Namespace,
    record: Record,
    waits: Waits,
    overseer: Overseer,
    server: ChaosServer,
    subjects: list[Subject],
) -> str:
    log = server.output()
    lines = ["faults injected", *(f"  {count:6}  {kind}" for kind, count in sorted(record.faults.items()))]
    again = {kind: count for kind, count in sorted(record.requests.items()) if kind.startswith("sent again")}
    lines += ["requests", *(f"  {count:6}  {kind}" for kind, count in again.items())]
    lines += [f"loads {log.count(' INFO loading ')}, unloads {log.count(' INFO unloading ')}"]
    lines += [summary(options.seconds, record, waits, overseer, Swaps(), subjects)]
    if record.violations:
        lines += [f"the server's log: {server.log_path}"]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.chaos.swaps", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to inject faults (default 60)")
    parser.add_argument("--interval", type=float, default=1.5, help="mean time between faults in seconds (default 1.5)")
    parser.add_argument("--users", type=int, default=5, help="users at the same time (default 5)")
    parser.add_argument("--drop", type=float, default=0.02, help="fraction of messages lost (default 0.02)")
    parser.add_argument("--delay", type=float, default=0.02, help="fraction of messages delayed (default 0.02)")
    parser.add_argument("--seed", type=int, default=1, help="seed of faults and requests (default 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
