"""What each part measured, as rows of one table of the page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.bench.report.tables import Table
from scripts.bench.speed_page.measured import write_table

FOLDER = Path("build/bench/overheads")

HEADING = ["what", "measured", "target"]

NOTE = (
    "Medians, in brackets the least and the greatest of the rounds. A bare load is a fresh Python process that imports "
    "`llama_cpp`, loads the same file with the same options, makes a context of the same size and decodes one token. "
    "The engine's loop is the processor time of its thread outside llama.cpp's computation, drawing tokens included, "
    "by the duration of a step. The router has 64 streams of the echo engine at full speed."
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; the target is empty if there is none."""

    what: str
    measured: str
    target: str = ""


def keep(part: str, rows: list[Row]) -> None:
    """Print the rows of a part, keep them, and write the table of all parts that were measured."""
    for row in rows:
        print(f"{row.what:<70} {row.measured}  {row.target}", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{part}.json").write_text(json.dumps([asdict(row) for row in rows], indent=1), "utf-8")
    write_table("overheads", table(), NOTE, "python -m scripts.bench.overheads start loop router memory")


def table() -> Table:
    """All rows that were kept, in the order of their parts' names."""
    kept = [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    return [HEADING, *[[row["what"], row["measured"], row["target"]] for rows in kept for row in rows]]
