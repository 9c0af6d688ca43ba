"""The tables of a run: medians and targets, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.bench.measurements.figures import CellFigures, Round, cells_of, medians
from scripts.bench.report.targets import TargetVerdict
from scripts.bench.servers.contenders import BARE_LOOP, LLAMA_CPP_SERVER, LLAMA_SERVER, NEXA, NEXA_2

ROWS = {
    "a": "(a) one user",
    "b4": "(b) 4 users",
    "b8": "(b) 8 users",
    "b16": "(b) 16 users",
    "b32": "(b) 32 users",
    "c-cold": "(c) 16 users, shared prompt, cold",
    "c-warm": "(c) the same, warm",
    "d": "(d) 2,000-token prompts beside 4 streams",
    "e": "(e) chats, 8 users, 5 turns",
    "f": "(f) function calls, 8 users",
    "f-json": "(f) the same as JSON by schema",
    "g": "(g) bursty mix of all",
}
NONE = "-"

Table = list[list[str]]
"""Rows of cells; the first is the heading."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a cell: figures side by side. ``rows`` are the workloads that have it; empty means all."""

    title: str
    keys: tuple[str, ...]
    show: Callable[[Any], str]
    rows: tuple[str, ...] = ()

    def text(self, cell: CellFigures | None) -> str:
        """The figures of a cell; a dash where there is none."""
        if cell is None or all(cell[key] in (None, "") for key in self.keys):
            return NONE
        return " / ".join(NONE if cell[key] is None else self.show(cell[key]) for key in self.keys)


def _number(digits: int, scale: float = 1) -> Callable[[float], str]:
    return lambda value: f"{value * scale:,.{digits}f}"


_STREAMED = ("a", "b4", "b8", "b16", "b32", "c-cold", "c-warm", "d", "e", "g")
LINES = [
    Line("tokens/s", ("tokens_per_s",), _number(1)),
    Line("tokens/s, decoding only", ("decode_tokens_per_s",), _number(1)),
    Line("total, s", ("total_s",), _number(1), ("c-cold", "c-warm", "e")),
    Line("TTFT p50 / p95, s", ("ttft_p50_s", "ttft_p95_s"), _number(2), _STREAMED),
    Line("ITL p50 / p99 / max, ms", ("itl_p50_s", "itl_p99_s", "itl_max_s"), _number(0, 1000), _STREAMED),
    Line("worst gap of the streams, s", ("worst_gap_s",), _number(2)),
    Line("whole answer p95, s", ("answer_p95_s",), _number(2), ("f", "f-json", "g")),
    Line("prompt tokens from the cache, %", ("cached_share",), _number(0, 100), ("c-cold", "c-warm", "e", "g")),
    Line("valid calls/s", ("calls_per_s",), _number(2)),
    Line("invalid calls", ("invalid_calls",), _number(0)),
    Line("form", ("call_form",), str),
    Line("requests / failures", ("requests", "failures"), _number(0)),
]


def servers_of(rounds: Sequence[Round]) -> list[str]:
    """The measured servers, ours first and the bare loop last."""
    names = dict.fromkeys(server for figures in rounds for server in figures)
    order = [NEXA.name, LLAMA_SERVER.name, LLAMA_CPP_SERVER.name, NEXA_2.name]
    known = [name for name in order if name in names]
    others = [name for name in names if name not in (*order, BARE_LOOP.name)]
    return [*known, *others, *(name for name in names if name == BARE_LOOP.name)]


def median_cells(rounds: Sequence[Round]) -> Round:
    """The medians of all rounds, as one round."""
    return {
        server: {row: medians(cells) for row in ROWS if (cells := cells_of(rounds, server, row))}
        for server in servers_of(rounds)
    }


def figures_table(cells: Round) -> Table:
    """A line for each figure of each workload, a column for each server."""
    servers = [server for server in cells if cells[server]]
    table = [["work", "figure", *servers]]
    for row, title in ROWS.items():
        of_row = [cells[server].get(row) for server in servers]
        for line in LINES:
            texts = [line.text(cell) for cell in of_row]
            if (not line.rows or row in line.rows) and any(text != NONE for text in texts):
                table.append([title, line.title, *texts])
                title = ""
    return table


def targets_table(verdicts: Sequence[TargetVerdict]) -> Table:
    """A line for each target, with the lowest and the highest ratio of a round."""
    table = [["work", "server", "against", "ratio", "rounds", "target", "reached", "remark"]]
    for verdict in verdicts:
        target = verdict.target
        limit = f"{'≤' if target.at_most else '≥'} {target.limit:g}"
        ratio, spread = NONE, NONE
        if verdict.ratio is not None:
            ratio, spread = f"{verdict.ratio:.3g}", f"{verdict.lowest:.3g} to {verdict.highest:.3g}"
        reached = "yes" if verdict.reached else "no"
        table.append([target.title, target.ours, target.theirs, ratio, spread, limit, reached, verdict.remark])
    return table


def as_text(table: Table) -> str:
    """A table for a terminal."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def as_markdown(table: Table) -> str:
    """A table as Markdown."""
    heading, *rows = table
    numeric = [
        all(not row[column] or row[column][0] in "-0123456789" for row in rows) for column in range(len(heading))
    ]
    marks = ["--:" if right else "---" for right in numeric]
    return "\n".join("| " + " | ".join(row) + " |" for row in [heading, marks, *rows])


def heading(about: dict[str, Any]) -> str:
    """Machine, versions and settings of a run, in one paragraph."""
    setting, machine = about["setting"], about["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    rounds = "one round" if about["rounds_done"] == 1 else f"medians of {about['rounds_done']} rounds"
    return (
        f"{machine['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB, "
        f"{machine['system']}, Python {machine['python']}; {versions}; {setting['model']}, "
        f"{setting['threads']} threads, context {setting['context']}, {setting['slots']} slots; {rounds}."
    )


def markdown(about: dict[str, Any], cells: Round, verdicts: Sequence[TargetVerdict]) -> str:
    """The results as Markdown for the documentation."""
    builds = [f"- {name} was built with {build}" for name, build in about["machine"]["builds"].items() if build]
    parts = [heading(about), "\n".join(builds), as_markdown(targets_table(verdicts)), as_markdown(figures_table(cells))]
    return "\n\n".join(part for part in parts if part) + "\n"
