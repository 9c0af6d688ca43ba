"""The chart of a run: how many times better than llama-server each server is, by workload."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.bench.measurements.figures import Round, ratios
from scripts.bench.report.tables import servers_of
from scripts.bench.servers.contenders import BARE_LOOP, LLAMA_SERVER

MEASURES = [
    ("a", "tokens_per_s", "(a) one user: tokens/s"),
    ("b4", "tokens_per_s", "(b) 4 users: tokens/s"),
    ("b16", "tokens_per_s", "(b) 16 users: tokens/s"),
    ("b32", "tokens_per_s", "(b) 32 users: tokens/s"),
    ("c-cold", "total_s", "(c) shared prompt, cold: total time"),
    ("c-warm", "ttft_p95_s", "(c) shared prompt, warm: TTFT p95"),
    ("d", "worst_gap_s", "(d) long prompts: worst gap of streams"),
    ("d", "ttft_p50_s", "(d) long prompts: their TTFT"),
    ("e", "total_s", "(e) chats: total time"),
    ("f", "calls_per_s", "(f) function calls: calls/s"),
    ("f-json", "calls_per_s", "(f) JSON by schema: answers/s"),
    ("g", "ttft_p95_s", "(g) bursty mix: TTFT p95"),
    ("g", "answer_p95_s", "(g) bursty mix: whole answer p95"),
]
"""Cell, figure and title of each group of bars. For times, the inverse ratio is drawn: longer is always better."""

Bars = dict[str, dict[str, float]]

SPACE = 0.6
"""The space between two groups, in bars."""


def bars(rounds: Sequence[Round]) -> Bars:
    """How many times better than llama-server, by title and server; medians over the rounds."""
    others = [server for server in servers_of(rounds) if server not in (LLAMA_SERVER.name, BARE_LOOP.name)]
    drawn: Bars = {}
    for cell, key, title in MEASURES:
        for server in others:
            found = ratios(rounds, cell, key, server, LLAMA_SERVER.name)
            if found and (ratio := statistics.median(found)) > 0:
                drawn.setdefault(title, {})[server] = ratio if key.endswith("per_s") else 1 / ratio
    return drawn


def draw(rounds: Sequence[Round], heading: str, path: Path) -> bool:
    """Write the chart as PNG; returns False if there is nothing to compare.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    drawn = bars(rounds)
    if not drawn:
        return False
    figure, axes = pyplot.subplots(figsize=(11, 2 + 0.3 * _rows(drawn)), layout="constrained")
    _draw_bars(
        axes, drawn, [server for server in servers_of(rounds) if any(server in group for group in drawn.values())]
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.axvline(1, color="black", linewidth=1)
    axes.margins(x=0.12, y=0.02)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.invert_yaxis()
    axes.set_xlabel(f"times better than {LLAMA_SERVER.name} (the line at 1): more tokens, or less time")
    figure.legend(loc="outside lower center", ncols=4)
    figure.suptitle("\n".join(textwrap.wrap(heading, 150)), fontsize=8)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return True


def _rows(drawn: Bars) -> float:
    return sum(len(group) + SPACE for group in drawn.values())


def _draw_bars(axes: Any, drawn: Bars, servers: list[str]) -> None:
    """Draw a group for each workload, with a bar for each server that ran it."""
    rows: dict[str, list[tuple[float, float]]] = {server: [] for server in servers}
    middles, row = [], 0.0
    for group in drawn.values():
        middles.append(row + (len(group) - 1) / 2)
        for server in (server for server in servers if server in group):
            rows[server].append((row, group[server]))
            row += 1
        row += SPACE
    for server, places in rows.items():
        axes.barh([row for row, _ in places], [ratio - 1 for _, ratio in places], 0.9, left=1, label=server)
        for row, ratio in places:
            side = "left" if ratio >= 1 else "right"
            axes.annotate(f" {ratio:.3g} ", (ratio, row), va="center", ha=side, fontsize=8)
    axes.set_yticks(middles, list(drawn))
