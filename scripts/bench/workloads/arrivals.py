"""Arrival times of requests that do not wait for earlier answers (an open-loop load)."""

from __future__ import annotations

import random
from collections.abc import Iterator

PERIOD_S = 20.0
BURST_S = 5.0
"""Each period begins with a burst of this length."""

DRAIN_S = 60.0
"""How long answers are awaited after the last arrival."""


def arrivals(rate_per_s: float, burst: float, seed: str) -> Iterator[float]:
    """The endless arrival times of a Poisson process, in seconds from its start; the same for the same seed.

    Args:
        rate_per_s: the mean rate, bursts included.
        burst: the rate in a burst divided by the rate outside, at least 1; 1 gives a plain Poisson process.
        seed: of the random draws.
    """
    draws = random.Random(seed)
    calm_per_s = rate_per_s / (1 + (burst - 1) * BURST_S / PERIOD_S)
    highest_per_s = calm_per_s * burst
    now_s = 0.0
    while True:
        now_s += draws.expovariate(highest_per_s)
        in_burst = now_s % PERIOD_S < BURST_S
        if in_burst or draws.random() < 1 / burst:  # otherwise thinned out
            yield now_s
