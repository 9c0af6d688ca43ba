"""A worker's start until it is ready, beside a bare load."""

from __future__ import annotations

import statistics
from pathlib import Path

from scripts.bench.measurements.spread import spread
from scripts.bench.overheads.rows import Row
from scripts.bench.worker_start import Measured, compare

SLOTS = 16


def measure(path: str, name: str, threads: int, python: str, rounds: int) -> list[Row]:
    """Rows of a model, with the version of Python that runs this.

    Raises:
        RuntimeError: a process did not become ready.
    """
    bare, ours = compare(Path(path), threads, SLOTS, rounds)
    ratios = [mine[0] / theirs[0] for mine, theirs in zip(ours, bare, strict=True)]
    more_s = [mine[0] - theirs[0] for mine, theirs in zip(ours, bare, strict=True)]
    walls = f"{_walls(ours)} by {_walls(bare)}, {statistics.median(more_s):.2f} s more"
    return [
        Row(f"worker of {name}, start to ready, by a bare load, Python {python}", f"{spread(ratios)}: {walls}", "1.2")
    ]


def _walls(measured: list[Measured]) -> str:
    return f"{statistics.median(wall_s for wall_s, _, _ in measured):.2f} s"
