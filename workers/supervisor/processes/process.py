"""One child process: starting it, reading its output, signalling it and waiting for its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.parent import PARENT_PID_VARIABLE

KEPT_LINES = 20
MAX_LINE_BYTES = 16 * 1024
_PIPE_CLOSE_TIMEOUT_S = 1.0
_READ_BYTES = 64 * 1024

LineSink = Callable[[str, str], None]
"""Called with a process's name and one line of its output."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line with its complete environment. The child inherits ``descriptors`` under the same numbers."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    descriptors: Sequence[int] = field(default=())


class ChildProcess:
    """A running child in its own session, so that a terminal's Ctrl-C only reaches the supervisor."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, on_line: LineSink) -> None:
        self.name = name
        self._process = process
        self._on_line = on_line
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def spawn(cls, name: str, command: Command, on_line: LineSink) -> ChildProcess:
        """Start ``command``. Its stdout and stderr go line by line to ``on_line``.

        Raises:
            OSError: it cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            *command.arguments,
            env={**command.environment, PARENT_PID_VARIABLE: str(os.getpid())},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=tuple(command.descriptors),
            start_new_session=True,
        )
        return cls(name, process, on_line)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def last_lines(self) -> list[str]:
        """The last lines of output, oldest first."""
        return list(self._last_lines)

    def kill(self) -> None:
        """End the child and its own children (SIGKILL)."""
        self._signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for the child's end and read its output. Returns its exit code; for a signal, the negated number."""
        code = await self._process.wait()
        await asyncio.wait([self._reading], timeout=_PIPE_CLOSE_TIMEOUT_S)
        self._reading.cancel()
        return code

    async def end(self, timeout_s: float) -> bool:
        """Send SIGTERM, then SIGKILL after ``timeout_s``. Returns False if it had to be killed."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), timeout_s)
        except TimeoutError:
            self.kill()
            await self._process.wait()
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    async def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        rest = b""
        while chunk := await stream.read(_READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._take(line)
        if rest:
            self._take(rest)

    def _take(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self._last_lines.append(text)
            self._on_line(self.name, text)
