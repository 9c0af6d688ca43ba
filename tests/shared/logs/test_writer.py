"""What a writer does when its reader is slow, stopped or gone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from shared.logs import writer as module
from shared.logs.writer import LossyWriter

PIPE_BYTES = 4096
LINE = "x" * 99 + "\n"
MORE_LINES_THAN_FIT = 200
ENOUGH_S = 20.0


class Pipe:
    """A small pipe, and a writer into it that keeps 8 kB waiting."""

    def __init__(self, own_pipe: bool) -> None:
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._unread = b""
        self.writer = LossyWriter(self.writing, lambda count: f"{count} dropped\n", own_pipe)

    def read_lines(self, count: int) -> list[str]:
        """That many lines, waiting for them."""
        while self._unread.count(b"\n") < count:
            self._unread += os.read(self.reading, 1000)
        *lines, self._unread = self._unread.split(b"\n", count)
        return [line.decode() for line in lines]


@pytest.fixture(params=[False, True], ids=["shared", "own"])
def pipe(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 8000)
    pipe = Pipe(request.param)
    yield pipe
    os.set_blocking(pipe.reading, False)
    pipe.writer.drain(ENOUGH_S)
    os.close(pipe.reading)
    os.close(pipe.writing)


def test_lines_arrive_in_order(pipe: Pipe) -> None:
    for number in range(20):
        pipe.writer.write(f"{number}\n")
    assert pipe.read_lines(20) == [str(number) for number in range(20)]
    assert pipe.writer.dropped == 0


def test_a_reader_that_does_not_read_blocks_nobody_and_loses_are_counted_and_said(pipe: Pipe) -> None:
    for _ in range(MORE_LINES_THAN_FIT):
        pipe.writer.write(LINE)
    dropped = pipe.writer.dropped
    assert 0 < dropped < MORE_LINES_THAN_FIT
    assert not pipe.writer.drain(0.0)
    written = noted = 0
    while written + noted < MORE_LINES_THAN_FIT:  # losses come in more than one burst where the writer's thread is late
        [line] = pipe.read_lines(1)
        if line == LINE.strip():
            written += 1
        else:
            noted += int(line.removesuffix(" dropped"))
    assert (written, noted) == (MORE_LINES_THAN_FIT - dropped, dropped)
    pipe.writer.write("later\n")
    assert pipe.read_lines(1) == ["later"]
    assert pipe.writer.drain(ENOUGH_S)


def test_a_reader_that_is_gone_is_no_error(pipe: Pipe) -> None:
    other, end = os.pipe()
    os.dup2(other, pipe.reading)
    os.close(other)
    os.close(end)
    for _ in range(3):
        pipe.writer.write("two\nlines\n")
        assert pipe.writer.drain(ENOUGH_S)
    assert pipe.writer.dropped == 6
    assert pipe.writer.drain(ENOUGH_S)


@pytest.mark.parametrize("own_pipe", [False, True])
def test_a_full_disk_is_no_error_and_once_there_is_room_one_line_says_what_is_lost(own_pipe: bool) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    writer = LossyWriter(fd, lambda count: f"{count} dropped\n", own_pipe)
    writer.write("one\n")
    writer.write("two\n")
    assert writer.drain(ENOUGH_S)
    assert writer.dropped == 2
    reading, writing = os.pipe()
    os.dup2(writing, fd)
    writer.write("three\n")
    assert writer.drain(ENOUGH_S)
    assert os.read(reading, 1000) == b"2 dropped\nthree\n"
    assert writer.dropped == 2
    for each in (fd, reading, writing):
        os.close(each)


def test_what_cannot_be_encoded_is_written_with_escapes(pipe: Pipe) -> None:
    pipe.writer.write("\udc80\n")
    assert pipe.read_lines(1) == ["\\udc80"]


def test_what_fits_into_an_own_pipe_is_written_before_write_returns() -> None:
    reading, writing = os.pipe()
    LossyWriter(writing, str, own_pipe=True).write("last words\n")
    os.set_blocking(reading, False)
    assert os.read(reading, 100) == b"last words\n"
    os.close(reading)
    os.close(writing)


def test_a_line_that_is_larger_than_what_may_wait_is_written_whole(pipe: Pipe) -> None:
    large = "y" * 20_000
    pipe.writer.write(f"{large}\n")
    assert pipe.read_lines(1) == [large]
    assert pipe.writer.drain(ENOUGH_S)
    pipe.writer.write("later\n")
    assert pipe.read_lines(1) == ["later"]
    assert pipe.writer.dropped == 0
