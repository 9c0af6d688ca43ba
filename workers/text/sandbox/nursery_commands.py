"""What a worker commands its nursery."""

from __future__ import annotations

from enum import IntEnum


class CommandCode(IntEnum):
    """``FORK`` comes with the descriptor of the new process's connection.

    ``PREPARE_GRAMMARS`` makes what all processes that compile grammars need; the nursery answers once that is made.
    """

    FORK = 1
    KILL = 2
    PREPARE_GRAMMARS = 3
