"""The second turn of a long chat at a new worker, which reads the first from disk.

    python -m scripts.bench.prefixes.disk [--models random-1b-q4_k_m,gemma3-270m-base] [--tokens 2000] [--rounds 3]

Each round is a chat of its own: the first turn finds nothing, and its worker ends. Files are dropped from the page
cache before they are read.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.prefixes.chats import Asked, ask, next_turn, said, text_of
from scripts.bench.prefixes.models import model_file
from scripts.bench.prefixes.options import parser_of
from scripts.bench.report.tables import Table
from scripts.bench.speed_page.measured import rows_of, write_table
from workers.engine import DiskPlace
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

MODELS = "random-1b-q4_k_m,gemma3-270m-base"
HEADING = ["model", "prompt", "file, MB", "cached", "first turn: first token, s", "second turn, s", "of it reading, s"]
NOTE = (
    "The second turn of a chat at a new worker, in the engine without a server. The files were not in the page cache. "
    "Medians, and the range of the ratios. Reading is with the check of the file and the copy into the KV cache."
)


@dataclass(frozen=True, slots=True)
class DiskRound:
    """A chat whose turns were answered by two workers; ``reading_s`` is what reading ``file_bytes`` took the second."""

    first: Asked
    second: Asked
    file_bytes: int
    reading_s: float

    @property
    def ratio(self) -> float:
        """The second turn's time to the first token, divided by that of the first."""
        return self.second.ttft_s / self.first.ttft_s


def main() -> int:
    """Measure, print and keep the table; returns the exit code."""
    parser = parser_of("scripts.bench.prefixes.disk", __doc__ or "", MODELS, 2000)
    parser.add_argument("--folder", help="where files are kept (default: the folder for temporary files)")
    options = parser.parse_args()
    table: Table = [[*HEADING, "ratio"], *(rows_of("cache-disk") if options.more else [])]
    for name in options.models.split(","):
        path = model_file(name)
        with tempfile.TemporaryDirectory(prefix="nexa-prefixes-", dir=options.folder) as folder:
            rounds = [_round(path, Path(folder), number, options) for number in range(options.rounds)]
        table.append(_row(path.stem, rounds))
        print(" | ".join(table[-1]), flush=True)
        write_table("cache-disk", table, NOTE, "python -m scripts.bench.prefixes.disk")
    return 0


def _row(name: str, rounds: Sequence[DiskRound]) -> list[str]:
    ratios = sorted(measured.ratio for measured in rounds)
    last = rounds[-1]
    return [
        name,
        f"{last.second.prompt_tokens:,}",
        f"{last.file_bytes / 1e6:.0f}",
        f"{min(measured.second.cached_tokens / measured.second.prompt_tokens for measured in rounds):.1%}",
        f"{statistics.median(measured.first.ttft_s for measured in rounds):.2f}",
        f"{statistics.median(measured.second.ttft_s for measured in rounds):.2f}",
        f"{statistics.median(measured.reading_s for measured in rounds):.2f}",
        f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
    ]


def _round(path: Path, folder: Path, number: int, options: argparse.Namespace) -> DiskRound:
    first = [said(text_of(number, options.tokens))]
    engine = _worker(path, folder, options)
    answer = ask(engine, first)
    engine.settle()
    engine.close()
    _forget_pages(folder)
    engine = _worker(path, folder, options)
    again = ask(engine, next_turn(first, answer, number + 100))
    size = engine.stats().disk_read_bytes
    reading_s = engine._disk.costs.expected_s(size) if engine._disk is not None else 0.0
    engine.close()
    return DiskRound(answer, again, size, reading_s)


def _worker(path: Path, folder: Path, options: argparse.Namespace) -> LlamaEngine:
    engine = LlamaEngine(LlamaOptions(str(path), options.threads, 4, options.tokens * 2))
    engine.keep_on_disk(DiskPlace(folder / "prefixes", folder / "prefixes.key", 20 * 10**9, 60.0))
    engine.load(lambda fraction: None)
    ask(engine, [said(text_of(1000, 100))])  # the first steps of a process take longer
    return engine


def _forget_pages(folder: Path) -> None:
    for path in folder.rglob("*.prefix"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
