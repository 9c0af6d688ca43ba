"""The tables of what was measured: costs by depth, streams beside a long prompt, memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from scripts.bench.depth.results import Results
from scripts.bench.report.tables import NONE, Table

COSTS, BESIDE, MEMORY, AGREEMENT = "costs", "beside", "memory", "agreement"


def costs_table(results: Results, kinds: Sequence[str], depths: Sequence[int]) -> Table:
    """Milliseconds for a token, by the engine, and in brackets divided by those of the bare loop."""
    table: Table = [["KV cache", "token of", *(f"{depth:,}" for depth in depths)]]
    for kind in kinds:
        for of, key in (("a prompt", "prompt_s"), ("an answer", "answer_s")):
            row = [_cost(results.of(COSTS, kind, depth), key) for depth in depths]
            if any(cell != NONE for cell in row):
                table.append([kind if of == "a prompt" else "", of, *row])
    return table


def _cost(rounds: Sequence[dict[str, Any]], key: str) -> str:
    if not rounds:
        return NONE
    ours = statistics.median(each["engine"][key] for each in rounds)
    ratio = statistics.median(each["engine"][key] / each["bare"][key] for each in rounds)
    return f"{1000 * ours:,.1f} ({ratio:.2f})"


def beside_table(results: Results, kinds: Sequence[str], depths: Sequence[int]) -> Table:
    """A row for each depth: milliseconds of the streams, and how many of their own steps the worst gap is.

    Their own steps are those without the prompt: with what was computed of it in the cache, and without.
    """
    heading = ["KV cache", "computed before", "streams alone, ms", "beside it", "worst gap", "in own steps"]
    table: Table = [[*heading, "in those of an empty cache", "prompt, tokens/s"]]
    for kind in kinds:
        empty = [each["alone_s"] for each in results.of(BESIDE, kind, 0)]
        for depth in depths:
            rounds = results.of(BESIDE, kind, depth)
            if rounds:
                worst = max(rounds, key=lambda each: each["worst_gap_s"] / each["alone_s"])
                keys = ("alone_s", "median_gap_s", "worst_gap_s")
                times = [f"{1000 * worst[key]:,.0f}" for key in keys]
                ratios = [worst["worst_gap_s"] / own_s for own_s in (worst["alone_s"], *empty[-1:])]
                shown = [f"{ratio:.1f}" for ratio in ratios] + [NONE] * (2 - len(ratios))
                table.append([kind, f"{depth:,}", *times, *shown, f"{worst['tokens_per_s']:.1f}"])
    return table


def memory_table(results: Results, kinds: Sequence[str], context_tokens: int) -> Table:
    """Megabytes planned and measured."""
    table: Table = [["KV cache", "of it, MB", "worker planned", "measured", "ratio"]]
    for kind in kinds:
        for found in results.of(MEMORY, kind, context_tokens)[-1:]:
            sizes = [f"{found[key] / 1e6:,.0f}" for key in ("kv_bytes", "planned_bytes", "measured_bytes")]
            table.append([kind, *sizes, f"{found['planned_bytes'] / found['measured_bytes']:.2f}"])
    return table


def agreement_table(results: Results, kinds: Sequence[str], depth: int) -> Table:
    """Nats for each token, and how often the likeliest one is that of f16."""
    table: Table = [["KV cache", "nats a token", "more than f16", "same likeliest token"]]
    for kind in kinds:
        for found in results.of(AGREEMENT, kind, depth)[-1:]:
            table.append([kind, f"{found['nats']:.3f}", f"{found['nats_more']:+.3f}", f"{found['same_share']:.1%}"])
    return table
