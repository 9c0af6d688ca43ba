"""The router by itself: what it adds to an engine that takes no time, per request, per token and in memory.

    python -m scripts.bench.router_alone [--json FILE] [--streams N] [--open-streams N] [--rounds N]

The real router and the real echo worker run as processes of their own; every answer is checked word by word, and tokens
are counted from ``usage``. Clients and worker share the machine with the router and are slower than it, so what counts
is the CPU time that the router's process used.
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
    parser = argparse.ArgumentParser(description="Measure the router by itself.")
    parser.add_argument("--json", type=Path, help="write the figures there, in seconds and bytes")
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
