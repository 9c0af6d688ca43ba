"""The progress of downloads: bars on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from shared.engines.files import HubFile
from shared.hub.pull_progress import PullProgress
from shared.hub.sizes import rounded_bytes

LINE_INTERVAL_S = 5.0


class BarProgress:
    """One bar per file, for a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def start(self, file: HubFile, done_bytes: int) -> None:
        """Draw a bar for the file."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._progress.start()
        self._task = self._progress.add_task(file.path, total=file.size_bytes, completed=done_bytes)

    def advance(self, count_bytes: int) -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.advance(self._task, count_bytes)

    def finish(self) -> None:
        """Stop redrawing the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class LineProgress:
    """A line at the start and end of each file and every ``interval_s`` in between, for logs and pipes."""

    def __init__(self, stream: TextIO, interval_s: float = LINE_INTERVAL_S) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._name = ""
        self._total_bytes = self._done_bytes = 0
        self._printed_at_s = 0.0

    def start(self, file: HubFile, done_bytes: int) -> None:
        """Print the first line."""
        self._name, self._total_bytes, self._done_bytes = file.path, file.size_bytes, done_bytes
        self._print()

    def advance(self, count_bytes: int) -> None:
        """Print a line if the last one is ``interval_s`` old."""
        self._done_bytes += count_bytes
        if time.monotonic() - self._printed_at_s >= self._interval_s:
            self._print()

    def finish(self) -> None:
        """Print the last line."""
        self._print()

    def _print(self) -> None:
        self._printed_at_s = time.monotonic()
        percent = 100 * self._done_bytes // self._total_bytes if self._total_bytes else 100
        print(
            f"{self._name}: {rounded_bytes(self._done_bytes)} of {rounded_bytes(self._total_bytes)} ({percent} %)",
            file=self._stream,
            flush=True,
        )


def progress_for(stream: TextIO | None = None) -> PullProgress:
    """Bars if ``stream``, by default stderr, is a terminal, else lines."""
    stream = stream or sys.stderr
    return BarProgress(stream) if stream.isatty() else LineProgress(stream)
