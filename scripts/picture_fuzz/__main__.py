"""Give the image engine orders at random, many of them wrong, and count the processes that die of them.

    python -m scripts.picture_fuzz --orders 5000 --seed 0
    python -m scripts.picture_fuzz --orders 5000 --onnx

Each order passes the checks of the router and of the worker, and is painted if neither refuses it, by a small model of
random weights. The exit code is 1 if a process died or an order failed without having been refused.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from pydantic import ValidationError

from router.schemas.errors import ApiError
from scripts.make_onnx.cache import made
from scripts.make_tiny_sd import make_tiny_sd
from scripts.picture_fuzz.loras import write_random_loras
from scripts.picture_fuzz.orders import OrderMaker, RandomOrder
from shared.wire.payloads import Failed, JobError
from workers.diffusion.engine import PictureEngine
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions
from workers.onnx.images.engine import OnnxPictureEngine
from workers.onnx.images.options import OnnxPictureOptions

LORAS = 60
REPOSITORY = Path(__file__).parents[2]


def outcome_of(engine: PictureEngine, order: RandomOrder) -> str:
    """``painted``, ``refused by the router``, ``refused by the worker``, or ``failed: `` and the message."""
    try:
        job = order.job()
    except (ValidationError, ApiError):
        return "refused by the router"
    try:
        engine.submit(job)
    except JobError as error:
        return "refused by the worker" if error.failed.status < 500 else f"failed: {error.failed.message}"
    failures = []
    while engine.has_work():
        failures += [event.message for _, event in engine.step() if isinstance(event, Failed)]
    return f"failed: {failures[0]}" if failures else "painted"


def work_through(arguments: argparse.Namespace) -> None:
    """Take the orders from number ``first`` on; print a line of JSON before and after each.

    What the library prints goes to stderr.
    """
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    loras = tuple(sorted(path.stem for path in arguments.loras.iterdir()))
    engine = _engine(arguments)
    engine.load(lambda fraction: None)
    for number in range(arguments.first, arguments.orders):
        order = OrderMaker(arguments.seed * 1_000_000 + number, loras).order()
        print(json.dumps({"number": number, "body": repr(order.body)[:2000]}), file=lines, flush=True)
        print(json.dumps({"outcome": outcome_of(engine, order)}), file=lines, flush=True)
    engine.close()


def _engine(arguments: argparse.Namespace) -> PictureEngine:
    model = str(arguments.checkpoint)
    if arguments.onnx:
        return OnnxPictureEngine(OnnxPictureOptions(model, "tiny", threads=2))
    return DiffusionEngine(DiffusionOptions(model, "tiny", threads=2, lora_folder=str(arguments.loras)))


def watch(arguments: argparse.Namespace) -> int:
    """Run the orders in a process, and in another one from the next order on when that process dies."""
    outcomes: Counter[str] = Counter()
    number = arguments.first - 1
    while number + 1 < arguments.orders:
        command = [sys.executable, "-m", "scripts.picture_fuzz", "--work", "--first", str(number + 1)]
        for name in ("orders", "seed", "checkpoint", "loras"):
            command += [f"--{name}", str(getattr(arguments, name))]
        command += ["--onnx"] * arguments.onnx
        body = ""
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            for line in worker.stdout:
                found = json.loads(line)
                number, body = found.get("number", number), found.get("body", body)
                if outcome := found.get("outcome"):
                    outcomes[outcome] += 1
                    if outcomes.total() % 250 == 0:
                        print(f"orders so far: {outcomes.total()}", flush=True)
                    if outcome.startswith("failed"):
                        print(f"order {number} {outcome}: {body}", flush=True)
        if worker.returncode:
            outcomes["died"] += 1
            print(f"order {number} ended its process ({worker.returncode}): {body}", flush=True)
            if not body:
                return 1
    print(f"orders: {outcomes.total()}", *(f"{name}: {count}" for name, count in sorted(outcomes.items())), sep="\n")
    print(f"deaths: {outcomes['died']}")
    return int(any(outcome == "died" or outcome.startswith("failed") for outcome in outcomes))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.picture_fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=5000, help="number of orders (default 5000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first order (default 0)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other orders (default 0)")
    parser.add_argument("--checkpoint", type=Path, help="the model (default: one of random weights, made for the run)")
    parser.add_argument("--onnx", action="store_true", help="the model is a folder in ONNX, not a checkpoint")
    parser.add_argument("--loras", type=Path, help="a folder of LoRA files (default: some are made for the run)")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work_through(arguments)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        if arguments.checkpoint is None and arguments.onnx:
            arguments.checkpoint = made("sd") / "sd15"
        elif arguments.checkpoint is None:
            arguments.checkpoint = Path(folder) / "tiny.gguf"
            make_tiny_sd(arguments.checkpoint)
        if arguments.loras is None:
            arguments.loras = Path(folder) / "loras"
            arguments.loras.mkdir()
            write_random_loras(arguments.loras, arguments.seed, LORAS)
        return watch(arguments)


if __name__ == "__main__":
    sys.exit(main())
