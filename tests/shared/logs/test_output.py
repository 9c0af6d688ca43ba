"""``sys.stderr`` of a server's process, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from shared.logs.output import LossyStream
from shared.logs.writer import LossyWriter

PROLOGUE = """\
import logging, sys
from shared.logs.output import dropped_lines
from shared.logs.setup import open_log
open_log("text", "router", own_pipe={own_pipe})
"""


def run(code: str, stderr: int, own_pipe: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROLOGUE.format(own_pipe=own_pipe) + code]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=60, check=False)


@pytest.mark.parametrize("own_pipe", [False, True])
def test_all_that_is_written_before_the_end_arrives(own_pipe: bool) -> None:
    done = run(
        "logging.info('one'); print('two', file=sys.stderr); sys.stderr.write('three')", subprocess.PIPE, own_pipe
    )
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert lines[0].endswith("router INFO one")
    assert lines[1:] == ["two", "three"]


def test_a_traceback_at_the_end_arrives() -> None:
    done = run("raise RuntimeError('broken')", subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.endswith("RuntimeError: broken\n")


def test_a_full_disk_ends_nothing() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    code = "logging.info('one'); print('two', file=sys.stderr); sys.stderr.writer.drain(20); print(dropped_lines())"
    done = run(code, full)
    os.close(full)
    assert (done.returncode, done.stdout) == (0, "2\n")


def test_a_reader_that_never_reads_does_not_delay_the_end() -> None:
    reading, writing = os.pipe()
    done = run("for _ in range(2000): logging.info('x' * 100)\nprint('done')", writing)
    os.close(reading)
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_a_closed_stderr_is_not_replaced_by_the_next_file() -> None:
    code = "print(open('/proc/self/cmdline').fileno() > 2)\nlogging.info('lost')"
    command = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", PROLOGUE.format(own_pipe=False) + code]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n")


def test_a_line_in_parts_is_written_whole_and_a_part_only_when_flushed() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    stream = LossyStream(LossyWriter(writing, str, own_pipe=True))
    assert stream.write("a") == 1
    with pytest.raises(BlockingIOError):
        os.read(reading, 100)
    print("b", file=stream)
    assert os.read(reading, 100) == b"ab\n"
    stream.write("c")
    stream.flush()
    assert os.read(reading, 100) == b"c"
    os.close(reading)
    os.close(writing)
