"""Seeds of sampling."""

from __future__ import annotations

import secrets

RANDOM = -1
SEED_RANGE = 2**32 - 1
"""Seeds are smaller than this: llama.cpp's have 32 bits, and the highest one means "random" there."""


def settled_seed(given: int | None, choice: int = 0) -> int:
    """The seed of a choice: what the request says plus the choice's index; a random one if it says none or -1.

    Random seeds are drawn by the router, so that after a failover the next worker uses the same seed.
    """
    if given is None or given == RANDOM:
        return secrets.randbelow(SEED_RANGE)
    return (given + choice) % SEED_RANGE
