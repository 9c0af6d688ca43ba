"""Remake the measured parts of docs/speed.md.

    python -m scripts.bench.speed_page [--results build/bench] [--page docs/speed.md]

Each results.json and each file of tables/ below the folder of results replaces what stands between
`<!-- measured: NAME -->` and `<!-- end -->`. Parts without new results stay as they are, with the day of their own.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from scripts.bench.speed_page.measured import MeasuredTable
from scripts.bench.speed_page.servers import servers_table

_PART = re.compile(r"(<!-- measured: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.speed_page", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--results", type=Path, default=Path("build/bench"), metavar="FOLDER")
    parser.add_argument("--page", type=Path, default=Path("docs/speed.md"), metavar="FILE")
    options = parser.parse_args(words)
    try:
        tables = {table.name: table for table in tables_below(options.results)}
        text, placed = remade(options.page.read_text("utf-8"), tables)
    except (OSError, ValueError) as error:
        print(f"not remade: {error}", file=sys.stderr)
        return 1
    options.page.write_text(text, "utf-8")
    for name in tables:
        print(f"{name}: {'remade' if name in placed else 'has no place in the page'}")
    return 0


def tables_below(folder: Path) -> list[MeasuredTable]:
    """All that was measured and written below a folder.

    Raises:
        ValueError: a file is damaged.
    """
    runs = [servers_table(json.loads(path.read_text("utf-8"))) for path in sorted(folder.rglob("results.json"))]
    return runs + [MeasuredTable.read(path) for path in sorted(folder.rglob("tables/*.json"))]


def remade(page: str, tables: dict[str, MeasuredTable]) -> tuple[str, set[str]]:
    """The page with these tables in their places, and the names of those that have one."""
    placed = set[str]()

    def part(found: re.Match[str]) -> str:
        table = tables.get(found[2])
        if table is None:
            return found[0]
        placed.add(table.name)
        return f"{found[1]}\n{table.markdown()}\n\n{found[3]}"

    return _PART.sub(part, page), placed


if __name__ == "__main__":
    sys.exit(main())
