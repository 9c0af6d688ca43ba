"""The router alone: its cost per request, per token and in memory, with an engine that takes no time.

    python -m scripts.bench.router_alone [--json FILE] [--streams N] [--open-streams N] [--rounds N]

The router and a worker with the echo engine run in separate processes. Every answer is checked word by word, and tokens
are counted from ``usage``. Clients and worker share the machine with the router and are slower than it, so the figure
that matters is the CPU time of the router's process.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from scripts.bench.router_alone.light_client import WrongAnswer
from scripts.bench.router_alone.runs import measure
from scripts.bench.router_alone.table import table


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the router alone.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file, in seconds and bytes")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--open-streams", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    try:
        cells = measure(options.streams, options.open_streams, options.rounds)
    except (WrongAnswer, RuntimeError) as error:
        sys.exit(f"router_alone: {error}")
    if options.json is not None:
        options.json.write_text(json.dumps(cells, indent=2) + "\n")
    print(table(cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
