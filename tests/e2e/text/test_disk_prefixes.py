"""``--cache-disk`` on a real server: a later run goes on from it, and what a killed worker leaves harms nobody."""

from __future__ import annotations

import fcntl
import os
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.support.running_server import RunningServer, running, wait_until

LIT = "The lamp on the hill is lit each night. The ships see it from far away, and the men on them are glad. " * 14
DARK = "In the dark winter no ship came by. The keeper sat at the window and read of lands that he never saw. " * 14


@dataclass(frozen=True, slots=True)
class Restarted:
    """The second run of a server on one folder, and the answer that the first run gave to :data:`LIT`."""

    server: RunningServer
    folder: Path
    answered: str


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    """``nexa server smollm2 --cache-disk 500M``, twice."""
    state = tmp_path_factory.mktemp("state")
    arguments = ["smollm2", "--nctx", "1024", "--cache-disk", "500M", "--state-folder", str(state)]
    with running(*arguments) as first:
        answered, cached = answer(first, LIT)
        assert cached == 0
    with running(*arguments) as second:
        yield Restarted(second, state / "prefixes", answered)


def answer(server: RunningServer, prompt: str) -> tuple[str, int]:
    """The text, and how many tokens of the prompt were cached."""
    body: dict[str, Any] = {"prompt": prompt, "max_tokens": 12, "temperature": 0, "ignore_eos": True}
    whole = server.post("/v1/completions", body)
    return whole["choices"][0]["text"], whole["usage"]["prompt_tokens_details"]["cached_tokens"]


def test_the_next_run_finds_what_the_last_one_left(restarted: Restarted) -> None:
    text, cached = answer(restarted.server, LIT)
    assert text == restarted.answered
    assert cached > 300
    wait_until(lambda: [row["disk_hits"] for row in restarted.server.workers()] == [1], "the worker tells of it")
    [row] = restarted.server.workers()
    assert row["disk_files"] == 1
    assert row["disk_bytes"] == row["disk_read_bytes"] == sum(path.stat().st_size for path in files(restarted))


def test_a_worker_that_is_killed_while_it_writes_leaves_nothing_that_is_read(restarted: Restarted) -> None:
    server = restarted.server
    with (restarted.folder / "lock").open("rb") as lock:
        written = caught_in_mid_write(restarted, lock)
        [pid] = server.worker_pids()
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.worker_pids() not in ([], [pid]), "another worker is ready")
    wait_until(lambda: not parts(restarted), "what the killed one was writing is removed")
    assert files(restarted) == written.before
    assert answer(server, written.prompt) == (written.text, 0)
    again, cached = answer(server, LIT)
    assert again == restarted.answered
    assert cached > 300


@dataclass(frozen=True, slots=True)
class MidWrite:
    """A prompt of which the worker is writing what it computed, its answer, and the whole files there are besides."""

    prompt: str
    text: str
    before: list[Path]


def caught_in_mid_write(restarted: Restarted, lock: BinaryIO) -> MidWrite:
    """The worker waits for ``lock``, which is held on return, to give its file a name."""
    for _ in range(10):
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = files(restarted)
        prompt = f"{uuid.uuid4()} {DARK}"
        text, cached = answer(restarted.server, prompt)
        assert cached < 10

        def is_written_or_begun(before: list[Path] = before) -> bool:
            # It waits for the lock to begin its file, and needs it again to give the file its name.
            fcntl.flock(lock, fcntl.LOCK_UN)
            time.sleep(0.002)  # as long as it takes the lock, but not as long as it writes
            fcntl.flock(lock, fcntl.LOCK_EX)
            return bool(parts(restarted)) or files(restarted) != before

        wait_until(is_written_or_begun, "the worker writes what it has computed")
        if parts(restarted):
            return MidWrite(prompt, text, before)
        fcntl.flock(lock, fcntl.LOCK_UN)
    raise AssertionError("expected a file in mid-write, got only whole ones")


def files(restarted: Restarted) -> list[Path]:
    """The whole prefixes."""
    return sorted(restarted.folder.glob("*/*.prefix"))


def parts(restarted: Restarted) -> list[Path]:
    """Those that are being written."""
    return sorted(restarted.folder.glob("*/*.part"))
