"""``python -m workers.llama.sandbox DESCRIPTOR``: a nursery, started by a worker."""

from __future__ import annotations

import logging
import signal
import socket
import sys

from shared.parent import die_with_parent
from workers.llama.constraints.compiler import GrammarCompiler
from workers.llama.sandbox.messages import SETUPS, Ready, receive, send
from workers.llama.sandbox.nursery import Nursery, read_vocabulary
from workers.llama.sandbox.workbench import Workbench


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
        vocabulary = read_vocabulary(setup.model_path)
    except ValueError:
        return 1
    compiler = GrammarCompiler(vocabulary.grammar_tokenizer())
    try:
        send(control, Ready())
    except OSError:  # the worker has ended: it could not load the model, and says why
        return 0
    Nursery(control, Workbench(vocabulary, compiler)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
