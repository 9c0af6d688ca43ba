"""Runs pip, and shows in one line what it is doing: the download with its size, the files that are compiled.

Usage: ``python progress.py LOG COMMAND…``. All output goes to the file LOG.
On a terminal the line is rewritten; elsewhere it is printed when something new begins, and twice a minute.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TextIO

MIN_SHOWN_BYTES = 2_000_000
"""A smaller download is over before its line is read; it only counts in the sum."""

_UNITS = {"bytes": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_DOWNLOAD = re.compile(r"\s*Downloading (?:https?://\S*/)?(\S+?)(?:#\S*)? \(([\d.]+) (bytes|kB|MB|GB)\)")
_COMPILED = re.compile(r"\s*\[(\d+)/(\d+)\] ")
_OTHERWISE = {
    "Installing build dependencies": "fetching what it is compiled with",
    "Building wheel": "configuring",
    "Installing collected packages": "installing",
}
"""What other lines begin with, and what to say then."""


class PipProgress:
    """What pip's output says so far. ``folder`` is where pip keeps the files that it is downloading."""

    def __init__(self, folder: Path) -> None:
        self.downloaded_bytes = 0
        self.files = 0
        self.subject = ""
        self._folder = folder
        self._name = ""
        self._size_bytes = 0
        self._steps = ""

    def read(self, line: str) -> None:
        """Take in one line of output."""
        if download := _DOWNLOAD.match(line):
            size = int(float(download[2]) * _UNITS[download[3]])
            self.downloaded_bytes += size
            self.files += not download[1].endswith(".metadata")
            if size >= MIN_SHOWN_BYTES:
                self._name, self._size_bytes = download[1], size
                self.subject = f"downloading {self._name} ({megabytes(size)})"
        elif compiled := _COMPILED.match(line):
            self.subject, self._steps = "compiling", f"{compiled[1]} of {compiled[2]} steps"
        else:
            beginning = next((each for each in _OTHERWISE if line.lstrip().startswith(each)), None)
            if beginning is not None:
                self.subject, self._name = _OTHERWISE[beginning], ""

    def line(self) -> str:
        """What happens now; empty while there is nothing to tell."""
        if self.subject == "compiling":
            return f"compiling: {self._steps}"
        if self.subject and self._name and (arrived := self._arrived_bytes()):
            return f"downloading {self._name}: {arrived / 1e6:.0f} of {megabytes(self._size_bytes)}"
        return self.subject

    def summary(self) -> str:
        """What was downloaded; empty if nothing was."""
        if not self.files:
            return ""
        return f"downloaded {megabytes(self.downloaded_bytes)} in {self.files} file{'s' if self.files > 1 else ''}"

    def _arrived_bytes(self) -> int:
        for file in self._folder.glob(f"pip-*/{self._name}"):
            try:
                return file.stat().st_size
            except FileNotFoundError:
                continue
        return 0


def megabytes(size_bytes: int) -> str:
    """A size as people read it."""
    return f"{size_bytes / 1e6:.1f} MB"


class StatusLine:
    """Writes the line: over the last one on a terminal, else below it."""

    def __init__(self, terminal: bool) -> None:
        self.interval_s = 0.5 if terminal else 30.0
        self._terminal = terminal

    def show(self, text: str) -> None:
        """Show that this is happening now."""
        if self._terminal:
            print(f"\r\033[Ksetup:   {text}", end="", flush=True)
        else:
            print(f"setup:   {text}", flush=True)

    def end(self, text: str) -> None:
        """Replace the line by a last one; by nothing if it is empty."""
        if self._terminal:
            print("\r\033[K", end="", flush=True)
        if text:
            print(f"setup:   {text}", flush=True)


def run(command: list[str], log: Path, status_line: StatusLine) -> int:
    """Run pip and return its exit code."""
    with tempfile.TemporaryDirectory(prefix="nexa-setup-") as folder, log.open("w") as written:
        progress = PipProgress(Path(folder))
        environment = {**os.environ, "TMPDIR": folder, "PYTHONUNBUFFERED": "1"}
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            reader = threading.Thread(target=_read, args=(process.stdout, progress, written))
            reader.start()
            _show(progress, status_line, reader)
        status_line.end(progress.summary())
        return process.returncode


def _show(progress: PipProgress, status_line: StatusLine, reader: threading.Thread) -> None:
    shown_at_s, subject = time.monotonic(), ""
    while reader.is_alive():
        reader.join(0.2)
        now_s, line = time.monotonic(), progress.line()
        if line and (progress.subject != subject or now_s - shown_at_s >= status_line.interval_s):
            status_line.show(line)
            shown_at_s, subject = now_s, progress.subject


def _read(output: TextIO, progress: PipProgress, log: TextIO) -> None:
    for line in output:
        print(line, end="", file=log, flush=True)
        progress.read(line)


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[2:], Path(sys.argv[1]), StatusLine(sys.stdout.isatty())))
    except KeyboardInterrupt:
        sys.exit(130)
