"""What is counted as the computation is all within the calls that are wrapped, and nothing else."""

from __future__ import annotations

import time

from scripts.bench.overheads.loop import Clock


def test_a_clock_counts_processor_time_within_calls_only() -> None:
    clock = Clock()
    compute = clock.around(lambda count: sum(range(count)))
    began_s = time.thread_time()
    assert compute(100_000) == sum(range(100_000))
    whole_s = time.thread_time() - began_s
    assert 0 < clock.spent_s < whole_s
    spent_s = clock.spent_s
    sum(range(100_000))
    assert clock.spent_s == spent_s
