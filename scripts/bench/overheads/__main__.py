"""What the server costs beside the model.

    python -m scripts.bench.overheads start loop router memory [--models NAME=FILE ...] [--threads 2]

Each part writes its rows into the table ``overheads`` of docs/speed.md (``python -m scripts.bench.speed_page``). Run
with another version of Python, the parts start and router have rows of their own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module

from scripts.bench.overheads.rows import Row, keep

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> int:
    """Measure, print and keep; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.overheads", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("parts", nargs="+", choices=["start", "loop", "router", "memory"])
    parser.add_argument("--models", nargs="+", default=["SmolLM2-135M=smollm2"], metavar="NAME=FILE")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", default="1,4,16,32")
    options = parser.parse_args()
    models = dict(given.split("=", 1) for given in options.models)
    for part in options.parts:
        # Each part is imported by itself: other versions of Python may lack what another one needs.
        measure: Callable[..., list[Row]] = import_module(f"scripts.bench.overheads.{part}").measure
        if part == "router":
            keep(f"3 router {VERSION}", measure(VERSION, options.rounds))
        elif part == "memory":
            name, path = next(iter(models.items()))
            keep("4 memory", measure(path, name, options.threads))
        for name, path in models.items():
            if part == "start":
                keep(f"1 start {name} {VERSION}", measure(path, name, options.threads, VERSION, options.rounds))
            elif part == "loop":
                streams = [int(count) for count in options.streams.split(",")]
                keep(f"2 loop {name}", measure(path, name, options.threads, streams))
    return 0


if __name__ == "__main__":
    sys.exit(main())
