"""Tables on stdout: as wide as the terminal, or 200 columns in a file or pipe."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from shared.logs.escaping import escaped

COLUMNS_WITHOUT_TERMINAL = 200


def new_table() -> Table:
    """A table without lines."""
    return Table(box=None, pad_edge=False)


def add_row(table: Table, *cells: str) -> None:
    """Add a row; what could harm a terminal is escaped."""
    table.add_row(*map(escaped, cells))


def table_columns() -> int:
    """How many columns a table may take."""
    return Console().width if sys.stdout.isatty() else COLUMNS_WITHOUT_TERMINAL


def print_table(table: Table) -> None:
    """Print ``table`` as plain text."""
    Console(width=table_columns(), markup=False, highlight=False, emoji=False).print(table)
