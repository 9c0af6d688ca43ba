from __future__ import annotations

import io

import pytest

from shared.engines.files import HubFile
from shared.hub.progress import BarProgress, LineProgress, progress_for
from shared.hub.sizes import rounded_bytes


def test_lines_are_printed_at_intervals() -> None:
    out = io.StringIO()
    progress = LineProgress(out, interval_s=3600.0)
    progress.start(HubFile("m.gguf", 1000), 100)
    for _ in range(9):
        progress.advance(100)
    progress.finish()
    assert out.getvalue().splitlines() == ["m.gguf: 100 B of 1.0 kB (10 %)", "m.gguf: 1.0 kB of 1.0 kB (100 %)"]


def test_terminal_gets_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    progress = progress_for(out)
    assert isinstance(progress, BarProgress)
    progress.start(HubFile("m.gguf", 1000), 0)
    progress.advance(1000)
    progress.finish()
    assert "m.gguf" in out.getvalue()


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (98_362_432, "98.4 MB"), (4_080_000_000, "4.08 GB")],
)
def test_sizes_are_rounded(size_bytes: int, text: str) -> None:
    assert rounded_bytes(size_bytes) == text
