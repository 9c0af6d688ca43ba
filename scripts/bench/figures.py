"""From what clients saw to the figures of a cell, and from rounds to medians and ratios."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scripts.bench.client import Outcome


@dataclass(slots=True)
class Cell:
    """One server's figures in one workload. Times in seconds; figures that a workload does not have are None."""

    requests: int
    failures: int
    total_s: float
    tokens: int
    prompt_tokens: int
    cached_tokens: int
    tokens_per_s: float
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    itl_p50_s: float | None
    itl_p99_s: float | None
    itl_max_s: float | None
    counted_by: str
    worst_gap_s: float | None = None
    calls_per_s: float | None = None
    invalid_calls: int | None = None
    first_error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def cell_of(outcomes: Sequence[Outcome], began_s: float, ended_s: float | None = None) -> Cell:
    """The figures of requests that were sent from ``began_s`` on."""
    total_s = (time.monotonic() if ended_s is None else ended_s) - began_s
    good = [outcome for outcome in outcomes if not outcome.error]
    ttfts_s = [outcome.ttft_s for outcome in good if outcome.arrivals_s]
    gaps_s = [gap_s for outcome in good for gap_s in outcome.gaps_s]
    tokens = sum(outcome.tokens for outcome in good)
    return Cell(
        requests=len(outcomes),
        failures=len(outcomes) - len(good),
        total_s=total_s,
        tokens=tokens,
        prompt_tokens=sum(outcome.prompt_tokens for outcome in good),
        cached_tokens=sum(outcome.cached_tokens for outcome in good),
        tokens_per_s=tokens / total_s,
        ttft_p50_s=percentile(ttfts_s, 50),
        ttft_p95_s=percentile(ttfts_s, 95),
        itl_p50_s=percentile(gaps_s, 50),
        itl_p99_s=percentile(gaps_s, 99),
        itl_max_s=max(gaps_s, default=None),
        counted_by="/".join(sorted({outcome.counted_by for outcome in good})),
        first_error=next((outcome.error for outcome in outcomes if outcome.error), ""),
    )


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def gaps_between(outcomes: Iterable[Outcome], began_s: float, ended_s: float) -> list[float]:
    """The parts of the gaps between chunks that lie within a span of time; a stream that fell silent counts."""
    gaps_s = []
    for outcome in outcomes:
        times = [at_s for at_s in outcome.arrivals_s if at_s <= ended_s] + [ended_s]
        gaps_s += [b - max(a, began_s) for a, b in zip(times, times[1:], strict=False) if b > began_s]
    return gaps_s


def medians(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One cell from those of several rounds: the median of each number, the worst of what counts failures."""
    merged: dict[str, Any] = {}
    for key in rounds[0]:
        values = [cell[key] for cell in rounds if cell[key] is not None]
        if not values:
            merged[key] = None
        elif isinstance(values[0], str):
            merged[key] = next((value for value in values if value), "")
        else:
            merged[key] = max(values) if key in ("failures", "invalid_calls") else statistics.median(values)
    return merged


def ratio(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]], key: str) -> float | None:
    """The median over the rounds of our figure divided by theirs in the same round."""
    pairs = [(a[key], b[key]) for a, b in zip(ours, theirs, strict=False) if a[key] is not None and b[key]]
    return statistics.median(a / b for a, b in pairs) if pairs else None
