"""What is shown while pip works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.setup.progress import PipProgress, StatusLine, run


def progress(folder: Path, *lines: str) -> PipProgress:
    read = PipProgress(folder)
    for line in lines:
        read.read(line)
    return read


def test_a_download_is_shown_with_its_size(tmp_path: Path) -> None:
    shown = progress(tmp_path, "Collecting numpy\n", "  Downloading numpy-2.1-cp311.whl (16.3 MB)\n").line()
    assert shown == "downloading numpy-2.1-cp311.whl (16.3 MB)"


def test_a_download_is_shown_with_what_has_arrived(tmp_path: Path) -> None:
    (tmp_path / "pip-unpack-x").mkdir()
    (tmp_path / "pip-unpack-x" / "numpy-2.1.whl").write_bytes(bytes(4_000_000))
    shown = progress(tmp_path, "Downloading https://a.example/b/numpy-2.1.whl#sha256=0 (16.3 MB)\n").line()
    assert shown == "downloading numpy-2.1.whl: 4 of 16.3 MB"


def test_steps_of_a_compilation_are_counted(tmp_path: Path) -> None:
    lines = ["Downloading a.tar.gz (76.6 MB)\n", "  [45/100] /usr/bin/c++ -O1 -c a.cpp\n"]
    assert progress(tmp_path, *lines).line() == "compiling: 45 of 100 steps"


def test_after_the_last_download_packages_are_installed(tmp_path: Path) -> None:
    lines = ["Downloading a.whl (7.6 MB)\n", "Installing collected packages: a, b\n"]
    assert progress(tmp_path, *lines).line() == "installing"


def test_small_downloads_count_only_in_the_sum(tmp_path: Path) -> None:
    lines = [
        "  Downloading a.whl.metadata (200 kB)\n",
        "Downloading a.whl (1.5 MB)\n",
        "Using cached b.whl (9 MB)\n",
        "Downloading c.whl (300 bytes)\n",
    ]
    read = progress(tmp_path, *lines)
    assert read.line() == ""
    assert read.downloaded_bytes == 1_700_300
    assert read.summary() == "downloaded 1.7 MB in 2 files"


def test_a_small_download_leaves_the_line_to_the_large_one(tmp_path: Path) -> None:
    lines = ["Downloading large.whl (16.3 MB)\n", "Downloading small.whl (30 kB)\n"]
    assert progress(tmp_path, *lines).line() == "downloading large.whl (16.3 MB)"


def test_without_a_download_there_is_no_summary(tmp_path: Path) -> None:
    assert progress(tmp_path, "Requirement already satisfied: numpy\n").summary() == ""


SAYS = "print('Downloading a.whl (5.0 MB)'); raise SystemExit(7)"


def test_a_command_is_logged_and_its_exit_code_returned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    assert run([sys.executable, "-c", SAYS], log, StatusLine(terminal=False)) == 7
    assert log.read_text() == "Downloading a.whl (5.0 MB)\n"
    assert capsys.readouterr().out.splitlines()[-1] == "setup:   downloaded 5.0 MB in 1 file"


def test_a_terminals_line_is_rewritten(capsys: pytest.CaptureFixture[str]) -> None:
    status_line = StatusLine(terminal=True)
    status_line.show("compiling: 1 of 2 steps")
    status_line.end("")
    assert capsys.readouterr().out == "\r\033[Ksetup:   compiling: 1 of 2 steps\r\033[K"
