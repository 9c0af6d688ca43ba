"""Tables on stdout: as wide as the terminal, or 200 columns in a file or pipe."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

COLUMNS_WITHOUT_TERMINAL = 200


def new_table() -> Table:
    """A table without lines."""
    return Table(box=None, pad_edge=False)


def print_table(table: Table) -> None:
    """Print ``table`` as plain text."""
    width = None if sys.stdout.isatty() else COLUMNS_WITHOUT_TERMINAL
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)
