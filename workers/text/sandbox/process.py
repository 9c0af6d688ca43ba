"""A process of the sandbox, as its worker sees it."""

from __future__ import annotations

import signal
import socket
import subprocess
from contextlib import suppress

from shared.wire.codec import WireError
from workers.forking import COMMAND
from workers.framing import receive, send
from workers.text.sandbox.limits import wall_s
from workers.text.sandbox.messages import REPLIES, Call, Ended, Reply
from workers.text.sandbox.nursery_commands import CommandCode

HANG_S = 5.0
"""How long after its limit of time a task's process counts as hung, and the nursery with it."""


class ProcessLost(Exception):
    """A process ended or hangs, and its task is not the reason."""


class SandboxProcess:
    """A process that does one task after another, made by the ``nursery`` at the other end of ``control``.

    Raises:
        ConnectionError: the nursery has ended.
    """

    def __init__(self, number: int, nursery: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._number = number
        self._nursery = nursery
        self._control = control
        self._connection, theirs = socket.socketpair()
        try:
            socket.send_fds(control, [COMMAND.pack(CommandCode.FORK, number)], [theirs.fileno()])
        except OSError as error:  # also that its socket is closed: no other could be started
            self._connection.close()
            raise ConnectionError("the nursery has ended") from error
        finally:
            theirs.close()

    def has_ended(self) -> bool:
        """Whether it ended while it had nothing to do: only then is there something to read."""
        self._connection.setblocking(False)
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        return True

    def call(self, call: Call) -> Reply:
        """Do a task.

        Raises:
            ProcessLost: it ended for another reason than its task, or it hangs.
        """
        self._connection.settimeout(wall_s(call.cpu_s, call.in_background) + HANG_S)
        try:
            with suppress(ConnectionError):  # it has ended, and why is still to be read
                send(self._connection, call)
            reply = receive(self._connection, REPLIES)
        except TimeoutError:  # its own timer and the nursery would have ended it
            self._nursery.kill()
            self._nursery.wait()
            raise ProcessLost from None
        except (ConnectionError, WireError):  # it ended within an answer
            raise ProcessLost from None
        if reply is None or reply == Ended(signal.SIGKILL):
            raise ProcessLost
        return reply

    def kill(self) -> None:
        """Have the nursery end it. Never waits, and any thread may call it."""
        with suppress(OSError):  # the nursery has ended, and its processes with it
            self._control.send(COMMAND.pack(CommandCode.KILL, self._number), socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Let it end."""
        self._connection.close()
