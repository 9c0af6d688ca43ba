"""Long contexts: what a token costs by its depth, what streams wait beside a long prompt, and the memory planned.

    python -m scripts.bench.depth --model random-1b-q4_k_m [--depths 0,1024,4096,16384,32768] [--kinds f16,q8_0,q4_0]

Depths are multiples of 1,024. Models with real weights can also be asked how well they read a text with each KV cache
(``--parts agreement``). The KV cache is filled with copies of one text, as attention costs the same whatever is
in it. Each figure is kept in build/bench/depth; the same command goes on where an earlier one ended, after about
``--seconds``, and draws the costs there. A worst gap is that of about ten seconds at each depth.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.depth.agreement import agreement
from scripts.bench.depth.beside import beside_streams
from scripts.bench.depth.engines import KV_TYPES, DeepEngine
from scripts.bench.depth.planned_memory import planned_memory
from scripts.bench.depth.plot import draw
from scripts.bench.depth.results import Results
from scripts.bench.depth.step_costs import TokenCosts, by_engine, in_bare_loop
from scripts.bench.depth.tables import (
    AGREEMENT,
    BESIDE,
    COSTS,
    MEMORY,
    agreement_table,
    beside_table,
    costs_table,
    memory_table,
)
from scripts.bench.speed_page.measured import write_table
from scripts.make_gguf.scaled import file_of
from workers.llama.native.log import capture_native_log
from workers.text.scheduling.prefill_budget import LONG_PROMPT_TOKENS

PARTS = (COSTS, BESIDE, MEMORY)
AGREED_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Costs:
    """The same by the engine and in the bare loop."""

    engine: TokenCosts
    bare: TokenCosts


def main() -> int:
    """Measure what is still missing, print and keep the tables; returns the exit code."""
    options = _options()
    name = Path(options.model).stem
    path = Path(file_of(options.model))
    kinds, depths = options.kinds.split(";"), [int(depth) for depth in options.depths.split(",")]
    results = Results.of_model(name)
    capture_native_log()
    until_s = time.monotonic() + options.seconds
    for kind in kinds:
        _measure(results, path, kind, depths, options, until_s)
    context = max(depths) or 32_768
    tables = {
        "depth-costs": costs_table(results, kinds, depths),
        "depth-streams": beside_table(results, kinds, depths),
        "depth-memory": memory_table(results, kinds, context),
        "depth-agreement": agreement_table(results, kinds, context),
    }
    notes = {
        "depth-costs": f"{name}: milliseconds for a token of the engine, and in brackets the ratio to the bare loop.",
        "depth-streams": f"{name}: a long prompt beside 4 streams, by how much of it is computed; milliseconds.",
        "depth-memory": f"{name}, a context of {context:,} tokens: a worker that has loaded the model.",
        "depth-agreement": f"{name}: the last {AGREED_TOKENS} of {context:,} tokens of this project's documents.",
    }
    for table_name, table in tables.items():
        if len(table) > 1:
            print(f"\n{table_name}", *(" | ".join(row) for row in table), sep="\n", flush=True)
            write_table(table_name, table, notes[table_name], "python -m scripts.bench.depth")
    if len(tables["depth-costs"]) > 1:
        draw(results, kinds, depths, results.path.with_suffix(".svg"))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.depth", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="random-1b-q4_k_m", help="a name or a file; random ones are made if need be")
    parser.add_argument("--kinds", default="f16;q8_0;q4_0", help=f"KV caches, with semicolons: {'; '.join(KV_TYPES)}")
    parser.add_argument("--depths", default="0,1024,4096,16384,32768", help="with commas, multiples of 1,024")
    parser.add_argument("--parts", default=",".join(PARTS), help="with commas")
    parser.add_argument("--tokens", type=int, default=128, help="new tokens of a prompt")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--beside-s", type=float, default=10.0, help="how long streams are watched at each depth")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin nothing new after so many")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _measure(
    results: Results, path: Path, kind: str, depths: list[int], options: argparse.Namespace, until_s: float
) -> None:
    """All that is missing of one kind of KV cache, until there is no time left."""
    parts = options.parts.split(",")
    context = max(depths) or 32_768
    if MEMORY in parts and not results.of(MEMORY, kind, context) and time.monotonic() < until_s:
        results.add(planned_memory(path, kind, context, options.threads), MEMORY, kind, context)
    if AGREEMENT in parts and not results.of(AGREEMENT, kind, context) and time.monotonic() < until_s:
        results.add(agreement(path, kind, context, AGREED_TOKENS, options.threads), AGREEMENT, kind, context)
    wanted = [
        (part, depth) for _ in range(options.rounds) for part in (COSTS, BESIDE) if part in parts for depth in depths
    ]
    missing = [each for each in wanted if len(results.of(each[0], kind, each[1])) < options.rounds]
    if not missing or time.monotonic() > until_s:
        return
    deep = DeepEngine(path, kind, max(depths) + LONG_PROMPT_TOKENS + 1, options.threads)
    try:
        for part, depth in missing:
            if time.monotonic() > until_s or len(results.of(part, kind, depth)) >= options.rounds:
                continue
            if part == BESIDE:
                results.add(beside_streams(deep, depth, options.beside_s), BESIDE, kind, depth)
            else:
                ours, bare = by_engine(deep, depth, options.tokens), in_bare_loop(deep, depth, options.tokens)
                results.add(Costs(ours, bare), COSTS, kind, depth)
    finally:
        deep.close()


if __name__ == "__main__":
    sys.exit(main())
