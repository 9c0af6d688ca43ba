"""Prompts that kill their worker, for tests of what happens to the requests beside them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

POISON_VARIABLE = "NEXA_CHAOS_POISON"
"""If set to ``poison``, a prompt with the word ``poison:5`` kills its worker before its sixth token."""


@dataclass(slots=True)
class Poison:
    """What an engine must know of one job: it dies before it gives token number ``at``, from 0; None for never."""

    at: int | None = None

    def taste(self, sent: int) -> None:
        """Die, if the job has given as many tokens as it may."""
        if self.at is not None and sent >= self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def poison_in(words: Iterable[str]) -> Poison:
    """The poison in the words of a prompt: none, unless the environment says so."""
    wanted = os.environ.get(POISON_VARIABLE)
    for word in words if wanted else ():
        name, colon, number = word.partition(":")
        if name == wanted and colon and number.isdecimal():
            return Poison(int(number))
    return Poison()
