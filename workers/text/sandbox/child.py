"""A process of the sandbox: does one task after another, within their limits."""

from __future__ import annotations

import os
import signal
import socket
import threading

from shared.parent import die_with_parent
from workers.framing import receive, send
from workers.text.sandbox.limits import BACKGROUND_NICENESS, end_first, limited
from workers.text.sandbox.messages import CALLS, OutOfMemory, Reply
from workers.text.sandbox.workbench import Workbench

STACK_BYTES = 256 * 1024 * 1024
"""llguidance descends once for each rule or ``$ref`` of a chain, by some KiB. A worker's stack is larger."""

LIMIT_SIGNALS = (signal.SIGPROF, signal.SIGALRM, signal.SIGABRT, signal.SIGSEGV)


def serve(connection: socket.socket, workbench: Workbench) -> None:
    """Do the tasks that arrive, until the connection ends."""
    die_with_parent()
    end_first()
    for number in LIMIT_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=_do_tasks, args=(connection, workbench))
    thread.start()
    threading.stack_size(0)
    thread.join()


def _do_tasks(connection: socket.socket, workbench: Workbench) -> None:
    while (call := receive(connection, CALLS)) is not None:
        reply: Reply
        if call.in_background:
            os.nice(BACKGROUND_NICENESS)
        try:
            with limited(call.cpu_s, call.memory_bytes, call.in_background):
                reply = workbench.do(call.task)
        except MemoryError:
            reply = OutOfMemory()
        send(connection, reply)
