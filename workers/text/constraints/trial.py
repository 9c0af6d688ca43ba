"""Tries a constraint out before a worker decodes with it."""

from __future__ import annotations

import random
from time import thread_time

import numpy as np

from shared.wire.payloads import JobError
from workers.text.constraints.constraint import MAX_MASK_S, TokenConstraint, too_slow

TRIED_STEPS = 24
WALKS = 2


def try_out(constraint: TokenConstraint) -> None:
    """Follow a few random texts. Reaching one of the parser's limits is no error here: other texts may not.

    Raises:
        JobError: 400, a step takes longer than :data:`~workers.text.constraints.constraint.MAX_MASK_S`.
    """
    chance = random.Random(0)
    for _ in range(WALKS):
        _walk(constraint.copy(), chance)


def _walk(constraint: TokenConstraint, chance: random.Random) -> None:
    for _ in range(TRIED_STEPS):
        if constraint.ended:
            return
        began_at_s = thread_time()
        try:
            allowed = constraint.allowed()
            constraint.accept(int(chance.choice(np.flatnonzero(allowed))))
            constraint.forced()
        except JobError as error:
            if error.failed.code == "slow_grammar":
                raise
            return
        if thread_time() - began_at_s > MAX_MASK_S:
            raise too_slow(constraint.param, thread_time() - began_at_s)
