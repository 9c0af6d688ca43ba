"""The process that has read a model's vocabulary and makes the sandbox's processes from itself.

It has one thread, so that it may fork: a new process costs some milliseconds and little memory.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
from contextlib import suppress

from shared.parent import PARENT_PID_VARIABLE
from workers.framing import framed, send
from workers.text.sandbox.child import serve
from workers.text.sandbox.messages import Ended, Ready
from workers.text.sandbox.nursery_commands import COMMAND, CommandCode
from workers.text.sandbox.workbench import Workbench


class Nursery:
    """Makes and ends processes as a worker commands, and tells it when one has ended."""

    def __init__(self, control: socket.socket, workbench: Workbench) -> None:
        self._control = control
        self._workbench = workbench
        self._pids: dict[int, int] = {}
        self._connections: dict[int, socket.socket] = {}
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def run(self) -> None:
        """Carry out commands until the worker has gone."""
        os.environ[PARENT_PID_VARIABLE] = str(os.getpid())  # for the children
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        gc.collect()
        gc.freeze()
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ)
        selector.register(self._woken, selectors.EVENT_READ)
        running = True
        while running:
            ready = [key.fileobj for key, _ in selector.select()]
            if self._woken in ready:
                self._woken.recv(4096)
                self._reap()
            running = self._control not in ready or self._take_command()
        signal.set_wakeup_fd(-1)

    def _take_command(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, 1)
        except ConnectionResetError:  # the worker has gone, and has not read everything
            return False
        if len(data) < COMMAND.size:
            return False
        code, number = COMMAND.unpack(data)
        if code == CommandCode.FORK:
            self._fork(number, socket.socket(fileno=descriptors[0]))
        elif code == CommandCode.PREPARE_GRAMMARS:
            return self._prepare_grammars()
        elif number in self._pids:
            os.kill(self._pids[number], signal.SIGKILL)
        return True

    def _prepare_grammars(self) -> bool:
        self._workbench.prepare_grammars()
        gc.collect()
        gc.freeze()
        try:
            send(self._control, Ready())
        except OSError:  # the worker has gone
            return False
        return True

    def _fork(self, number: int, connection: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError:  # no process or memory is left; the worker reads the end of the connection
            connection.close()
            return
        if pid == 0:
            self._become_child(connection)
        self._pids[number] = pid
        self._connections[number] = connection

    def _become_child(self, connection: socket.socket) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self._control, self._woken, self._waker, *self._connections.values()):
                other.close()
            serve(connection, self._workbench)
        finally:
            os._exit(0)

    def _reap(self) -> None:
        """Tell the worker, on a process's own connection, that it has ended."""
        for number, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._pids[number]
            message = framed(Ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0))
            with self._connections.pop(number) as connection, suppress(BrokenPipeError, BlockingIOError):
                # The worker may no longer listen, or have the beginning of a long answer before the end.
                connection.send(message, socket.MSG_DONTWAIT)
