"""The process that has read a model's vocabulary and makes the sandbox's processes from itself.

It has one thread, so that it may fork: a new process costs some milliseconds and little memory.
"""

from __future__ import annotations

import gc
import socket
from contextlib import suppress

from workers.forking import ForkingProcess
from workers.framing import framed, send
from workers.text.sandbox.child import serve
from workers.text.sandbox.messages import Ended, Ready
from workers.text.sandbox.nursery_commands import CommandCode
from workers.text.sandbox.workbench import Workbench


class Nursery(ForkingProcess):
    """Makes and ends processes as a worker commands, and tells it when one has ended."""

    def __init__(self, control: socket.socket, workbench: Workbench) -> None:
        super().__init__(control)
        self._workbench = workbench
        self._connections: dict[int, socket.socket] = {}

    def carry_out(self, code: int, number: int, descriptors: list[int]) -> bool:
        if code == CommandCode.FORK:
            self._make(number, socket.socket(fileno=descriptors[0]))
        elif code == CommandCode.PREPARE_GRAMMARS:
            return self._prepare_grammars()
        else:
            self.kill(number)
        return True

    def ended(self, number: int, by_signal: int) -> None:
        """Tell the worker, on the process's own connection."""
        with self._connections.pop(number) as connection, suppress(BrokenPipeError, BlockingIOError):
            # The worker may no longer listen, or have the beginning of a long answer before the end.
            connection.send(framed(Ended(by_signal)), socket.MSG_DONTWAIT)

    def _prepare_grammars(self) -> bool:
        self._workbench.prepare_grammars()
        gc.collect()
        gc.freeze()
        try:
            send(self.control, Ready())
        except OSError:  # the worker has gone
            return False
        return True

    def _make(self, number: int, connection: socket.socket) -> None:
        if self.fork(number, lambda: self._become_child(connection)):
            self._connections[number] = connection
        else:
            connection.close()  # the worker reads its end

    def _become_child(self, connection: socket.socket) -> None:
        for other in self._connections.values():
            other.close()
        serve(connection, self._workbench)
