"""The comparison of servers as a table of the page, from the results of a run of ``scripts.bench``."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from typing import Any

from scripts.bench.measurements.figures import Round, cells_of, ratios
from scripts.bench.measurements.spread import spread
from scripts.bench.report.tables import NONE, Table, servers_of
from scripts.bench.servers.contenders import LLAMA_SERVER, NEXA
from scripts.bench.speed_page.measured import MeasuredTable, described

FIGURES = [
    ("a", "tokens_per_s", "one user, tokens/s", 0),
    ("b4", "tokens_per_s", "4 users, tokens/s", 0),
    ("b8", "tokens_per_s", "8 users, tokens/s", 0),
    ("b16", "tokens_per_s", "16 users, tokens/s", 0),
    ("b32", "tokens_per_s", "32 users, tokens/s", 0),
    ("c-cold", "total_s", "16 users, one 650-token system prompt, cold: all answered after, s", 1),
    ("c-warm", "ttft_p95_s", "the same, warm: TTFT p95, s", 2),
    ("d", "worst_gap_s", "a 2,000-token prompt beside 4 streams: their worst gap, s", 2),
    ("d", "ttft_p50_s", "its TTFT, s", 1),
    ("e", "total_s", "chats, 8 users, 5 turns: total, s", 1),
    ("f", "calls_per_s", "function calls, 8 users: valid calls/s", 1),
    ("g", "tokens_per_s", "bursts of all kinds: tokens/s", 0),
    ("g", "itl_p99_s", "the same: ITL p99, s", 2),
]
"""The cell and its key, how the row is called, and digits after the point."""

_VERSION = re.compile(r"(?<=-)(q4_k_m|q4_0|q8_0|f16)-[0-9a-f]{10}$")
"""Ends the file name of a model that was made here."""


def servers_table(results: dict[str, Any]) -> MeasuredTable:
    """The table of a run: medians, and our figure divided by llama-server's with the least and the greatest ratio."""
    rounds: list[Round] = results["rounds"]
    names = servers_of(rounds)
    table: Table = [["work", *names, f"{NEXA.name} / {LLAMA_SERVER.name}"]]
    for cell, key, title, digits in FIGURES:
        values = [_median(rounds, name, cell, key) for name in names]
        if any(value is not None for value in values):
            shown = ["" if value is None else f"{value:,.{digits}f}" for value in values]
            table.append([title, *shown, _ratio(ratios(rounds, cell, key, NEXA.name, LLAMA_SERVER.name))])
    setting, versions = results["setting"], results["machine"]["versions"]
    model = _VERSION.sub(r"\1", str(setting["model"]).removesuffix(".gguf"))
    note = (
        f"{model}, {setting['threads']} threads, context {setting['context']}, {setting['slots']} slots; "
        f"{', '.join(f'{name} {version}' for name, version in versions.items() if version != 'not installed')}; "
        f"medians of {len(rounds)} rounds, and in brackets the least and the greatest ratio of a round."
    )
    return MeasuredTable(f"servers-{model.lower()}", described(results["machine"]), table, note)


def _median(rounds: Sequence[Round], server: str, cell: str, key: str) -> float | None:
    values = [figures[key] for figures in cells_of(rounds, server, cell) if figures.get(key) is not None]
    return statistics.median(values) if values else None


def _ratio(found: Sequence[float]) -> str:
    if not found:
        return NONE
    return f"{found[0]:.2f}" if len(found) == 1 else spread(found)
