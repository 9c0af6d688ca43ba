"""What a benchmark measured, as a table of ``docs/speed.md``: kept as JSON until the page is remade."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.bench import machine
from scripts.bench.report.tables import Table, as_markdown

TABLES = Path("build/bench/tables")


@dataclass(frozen=True, slots=True)
class MeasuredTable:
    """A table with its name in the page, when and on what it was measured, a note in Markdown, and the command."""

    name: str
    measured: str
    table: Table
    note: str = ""
    command: str = ""

    @classmethod
    def read(cls, path: Path) -> MeasuredTable:
        """One that was written.

        Raises:
            ValueError: it is not such a file.
        """
        try:
            return cls(**json.loads(path.read_text("utf-8")))
        except TypeError as error:
            raise ValueError(f"{path}: expected a measured table, got {error}") from None

    def write(self, folder: Path = TABLES) -> Path:
        """Keep it for the page; returns the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        return path

    def markdown(self) -> str:
        """Its part of the page."""
        parts = [f"{self.measured}. {self.note}".strip(), as_markdown(self.table)]
        if self.command:
            parts.append(f"```sh\n{self.command}\n```")
        return "\n\n".join(parts)


def write_table(name: str, table: Table, note: str = "", command: str = "") -> Path:
    """Keep a table that was measured here and now; returns the file. The first row of ``table`` is the heading."""
    return MeasuredTable(name, described(machine.describe()), table, note, command).write()


def rows_of(name: str) -> Table:
    """The rows of a table that was written here earlier, without the heading; none if there is no such table."""
    path = TABLES / f"{name}.json"
    return MeasuredTable.read(path).table[1:] if path.exists() else []


def described(about: dict[str, Any]) -> str:
    """When and on what something was measured, in a few words."""
    day = str(about["date"]).partition(" ")[0]
    return f"{day}, {about['cores']} cores of an {about['cpu']}"
