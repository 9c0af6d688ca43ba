"""The client process: runs one workload against a server and prints its cells as one line of JSON.

    python -m scripts.bench.workloads --url URL --workload b16 --seed 1 [--model NAME] [--api-key KEY]

The workload ``call-form`` prints the form in which the server best answers function calls.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

import uvloop

from scripts.bench.workloads.catalog import WORKLOADS, best_form, call_scores
from scripts.bench.workloads.client import BenchClient
from scripts.bench.workloads.prompts import Prompts, user

CALL_FORM = "call-form"


async def measure(options: argparse.Namespace) -> dict[str, object]:
    """Run the workload after a short warm-up request; returns its cells."""
    async with BenchClient(options.url, options.model, options.api_key) as client:
        warm_up = await client.stream([user("Hello")], 4)
        if warm_up.error:
            sys.exit(f"workloads: the warm-up request failed: {warm_up.error}")
        if options.workload == CALL_FORM:
            return {CALL_FORM: best_form(await call_scores(client))}
        workload = next(workload for workload in WORKLOADS if workload.name == options.workload)
        cells = await workload.run(client, Prompts(f"{workload.name} {options.seed}"))
    return {name: cell.as_dict() for name, cell in cells.items()}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Run one workload against one server.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--workload", required=True, choices=[*(workload.name for workload in WORKLOADS), CALL_FORM])
    parser.add_argument("--seed", default="1", help="seed of the prompts")
    parser.add_argument("--model", default="", help="the model's name in the requests")
    parser.add_argument("--api-key", default=os.environ.get("BENCH_API_KEY", ""), help="API key (or set BENCH_API_KEY)")
    print(json.dumps(uvloop.run(measure(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
