"""When requests arrive that do not wait for the answers of others."""

from __future__ import annotations

import random
from collections.abc import Iterator

PERIOD_S = 20.0
BURST_S = 5.0
DRAIN_S = 60.0
"""How long after the last arrival an answer may still come."""


def arrivals(rate_per_s: float, burst: float, seed: str) -> Iterator[float]:
    """The times of a Poisson process in seconds from its start, for ever; always the same for the same seed.

    Args:
        rate_per_s: the mean rate.
        burst: how many times higher the rate is in the first ``BURST_S`` of each ``PERIOD_S`` than in the rest of it,
            at least 1; 1 is a plain Poisson process.
        seed: of the random draws.
    """
    draws = random.Random(seed)
    calm_per_s = rate_per_s / (1 + (burst - 1) * BURST_S / PERIOD_S)
    highest_per_s = calm_per_s * burst
    now_s = 0.0
    while True:
        now_s += draws.expovariate(highest_per_s)
        in_burst = now_s % PERIOD_S < BURST_S
        if in_burst or draws.random() < 1 / burst:  # else thinned out
            yield now_s
