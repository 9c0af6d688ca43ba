from __future__ import annotations

from itertools import islice, takewhile

import pytest

from scripts.bench.workloads.arrivals import BURST_S, PERIOD_S, arrivals

LONG_S = 200 * PERIOD_S


def until(end_s: float, rate_per_s: float, burst: float) -> list[float]:
    return list(takewhile(lambda at_s: at_s < end_s, arrivals(rate_per_s, burst, "seed")))


def test_arrivals_are_the_same_for_the_same_seed_only() -> None:
    first, again, other = (list(islice(arrivals(1.0, 3.0, seed), 20)) for seed in ("x", "x", "y"))
    assert first == again == sorted(first)
    assert first != other


@pytest.mark.parametrize("burst", [1.0, 3.0, 10.0])
def test_the_mean_rate_is_the_requested_one(burst: float) -> None:
    assert len(until(LONG_S, 2.0, burst)) == pytest.approx(2.0 * LONG_S, rel=0.05)


@pytest.mark.parametrize("burst", [1.0, 4.0])
def test_the_rate_in_bursts_is_burst_times_the_rate_outside(burst: float) -> None:
    times = until(LONG_S, 2.0, burst)
    in_bursts = sum(at_s % PERIOD_S < BURST_S for at_s in times)
    rate_in_bursts = in_bursts / BURST_S
    rate_in_the_rest = (len(times) - in_bursts) / (PERIOD_S - BURST_S)
    assert rate_in_bursts / rate_in_the_rest == pytest.approx(burst, rel=0.1)
