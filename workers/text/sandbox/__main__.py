"""``python -m workers.text.sandbox DESCRIPTOR``: a nursery, started by a worker."""

from __future__ import annotations

import logging
import pkgutil
import signal
import socket
import sys
from collections.abc import Callable

from shared.parent import die_with_parent
from workers.engine import EngineLoadError
from workers.framing import receive, send
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.sandbox.messages import SETUPS, Ready
from workers.text.sandbox.nursery import Nursery
from workers.text.sandbox.workbench import Workbench
from workers.text.vocabulary import Vocabulary


def main(descriptor: int) -> int:
    """Serve the worker at the other end of a socket until it has gone; returns an exit code."""
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # are for the worker, which still prepares what it has
        signal.signal(number, signal.SIG_IGN)
    logging.disable()  # the worker reads the same file, and says what is wrong with it
    control = socket.socket(fileno=descriptor)
    setup = receive(control, SETUPS)
    if setup is None:
        return 0
    try:
        read_vocabulary: Callable[[str], Vocabulary] = pkgutil.resolve_name(setup.vocabulary)
        vocabulary = read_vocabulary(setup.model_path)
    except (ValueError, EngineLoadError):
        return 1
    compiler = GrammarCompiler(vocabulary)
    try:
        send(control, Ready())
    except OSError:  # the worker has ended: it could not load the model, and says why
        return 0
    Nursery(control, Workbench(vocabulary, compiler)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
