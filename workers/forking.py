"""A process of one thread that forks others as a worker commands: each begins with all that this one has in memory."""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable

from shared.parent import PARENT_PID_VARIABLE

COMMAND = struct.Struct("<II")
"""A command, and the number that the worker gave to a process."""


class ForkingProcess(ABC):
    """Makes and ends processes as a worker commands over ``control``. It must have one thread only."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self._pids: dict[int, int] = {}
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    @abstractmethod
    def carry_out(self, code: int, number: int, descriptors: list[int]) -> bool:
        """Carry out a command, which came with these file descriptors; False if the worker has gone."""

    @abstractmethod
    def ended(self, number: int, by_signal: int) -> None:
        """A process has ended, by this signal (0 for none)."""

    def run(self) -> None:
        """Carry out commands until the worker has gone."""
        os.environ[PARENT_PID_VARIABLE] = str(os.getpid())  # for the children
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        gc.collect()
        gc.freeze()
        selector = selectors.DefaultSelector()
        selector.register(self.control, selectors.EVENT_READ)
        selector.register(self._woken, selectors.EVENT_READ)
        running = True
        while running:
            ready = [key.fileobj for key, _ in selector.select()]
            if self._woken in ready:
                self._woken.recv(4096)
                self._reap()
            running = self.control not in ready or self._take_command()
        signal.set_wakeup_fd(-1)

    def fork(self, number: int, become: Callable[[], None]) -> bool:
        """Make a process that does this and ends; False if no process or memory is left."""
        try:
            pid = os.fork()
        except OSError:
            return False
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for other in (self.control, self._woken, self._waker):
                    other.close()
                become()
            finally:
                os._exit(0)  # without the destructors of libraries, whose threads may be at work
        self._pids[number] = pid
        return True

    def kill(self, number: int) -> None:
        """End a process, if it has not ended yet."""
        if number in self._pids:
            os.kill(self._pids[number], signal.SIGKILL)

    def _take_command(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self.control, COMMAND.size, 1)
        except ConnectionResetError:  # the worker has gone, and has not read everything
            return False
        if len(data) < COMMAND.size:
            return False
        code, number = COMMAND.unpack(data)
        return self.carry_out(code, number, descriptors)

    def _reap(self) -> None:
        for number, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._pids[number]
                self.ended(number, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
