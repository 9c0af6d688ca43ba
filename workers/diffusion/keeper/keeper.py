"""The process that has loaded a model, and makes those that paint from itself. It has one thread: it may fork."""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket

from shared.parent import PARENT_PID_VARIABLE
from workers.diffusion.keeper.log_lines import LineToWorker
from workers.diffusion.keeper.messages import COMMAND, KeeperCommand, PainterEnded
from workers.diffusion.keeper.painter_process import serve
from workers.diffusion.painting import PictureModel


class WeightKeeper:
    """Makes and ends processes that paint as a worker commands, and tells it when one has ended."""

    def __init__(self, control: socket.socket, line: LineToWorker, model: PictureModel) -> None:
        self._control = control
        self._line = line
        self._model = model
        self._pids: dict[int, int] = {}
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
        if code == KeeperCommand.FORK:
            with socket.socket(fileno=descriptors[0]) as connection:
                self._fork(number, connection)
        elif number in self._pids:
            os.kill(self._pids[number], signal.SIGKILL)
        return True

    def _fork(self, number: int, connection: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError:  # no process or memory is left
            self._line.say(PainterEnded(number, 0))
            return
        if pid == 0:
            self._become_painter(connection)
        self._pids[number] = pid

    def _become_painter(self, connection: socket.socket) -> None:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self._control, self._woken, self._waker):
                other.close()
            serve(connection, self._model)
        finally:
            os._exit(0)  # without the destructors of the library, whose threads may be at work

    def _reap(self) -> None:
        for number, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._pids[number]
                self._line.say(PainterEnded(number, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0))
