"""The figures of a cell from its requests, and medians and ratios over rounds."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scripts.bench.measurements.outcome import Outcome

CellFigures = dict[str, Any]
"""A :class:`Cell` as JSON."""

Round = dict[str, dict[str, CellFigures]]
"""The cells of one round, by server and name."""


@dataclass(slots=True)
class Cell:
    """One server's figures in one workload. Figures that a workload does not have are None.

    ``cached_share`` is the share of prompt tokens that came from the server's cache, from 0 to 1. ``total_s`` and the
    rates cover the time from the first request to the last answer.
    """

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
    answer_p95_s: float | None
    cached_share: float | None
    counted_by: str
    worst_gap_s: float | None = None
    decode_tokens_per_s: float | None = None
    calls_per_s: float | None = None
    invalid_calls: int | None = None
    call_form: str = ""
    first_error: str = ""

    def as_dict(self) -> CellFigures:
        """The cell as JSON."""
        return asdict(self)


def cell_of(outcomes: Sequence[Outcome], began_at_s: float, ended_at_s: float | None = None) -> Cell:
    """The figures of requests sent from ``began_at_s`` on."""
    total_s = (time.monotonic() if ended_at_s is None else ended_at_s) - began_at_s
    good = [outcome for outcome in outcomes if not outcome.error]
    ttfts_s = [outcome.ttft_s for outcome in good if outcome.arrived_at_s]
    gaps_s = [gap_s for outcome in good for gap_s in outcome.gaps_s]
    tokens = sum(outcome.tokens for outcome in good)
    prompt_tokens = sum(outcome.prompt_tokens for outcome in good)
    cached_tokens = sum(outcome.cached_tokens for outcome in good)
    return Cell(
        requests=len(outcomes),
        failures=len(outcomes) - len(good),
        total_s=total_s,
        tokens=tokens,
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        tokens_per_s=tokens / total_s,
        ttft_p50_s=percentile(ttfts_s, 50),
        ttft_p95_s=percentile(ttfts_s, 95),
        itl_p50_s=percentile(gaps_s, 50),
        itl_p99_s=percentile(gaps_s, 99),
        itl_max_s=max(gaps_s, default=None),
        answer_p95_s=percentile([outcome.answer_s for outcome in good], 95),
        cached_share=cached_tokens / prompt_tokens if prompt_tokens else None,
        counted_by="/".join(sorted({outcome.counted_by for outcome in good})),
        first_error=next((outcome.error for outcome in outcomes if outcome.error), ""),
    )


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The nearest-rank percentile; None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def gaps_between(outcomes: Iterable[Outcome], began_at_s: float, ended_at_s: float) -> list[float]:
    """The gaps between chunks, clipped to a span of time. A stream that ends early has a gap to the span's end."""
    gaps_s = []
    for outcome in outcomes:
        times = [at_s for at_s in outcome.arrived_at_s if at_s <= ended_at_s] + [ended_at_s]
        gaps_s += [b - max(a, began_at_s) for a, b in itertools.pairwise(times) if b > began_at_s]
    return gaps_s


def medians(cells: Sequence[CellFigures]) -> CellFigures:
    """One cell from several rounds: the median of each number, but the maximum of failures."""
    merged: CellFigures = {}
    for key in cells[0]:
        values = [cell[key] for cell in cells if cell[key] is not None]
        if not values:
            merged[key] = None
        elif isinstance(values[0], str):
            merged[key] = next((value for value in values if value), "")
        else:
            merged[key] = max(values) if key in ("failures", "invalid_calls") else statistics.median(values)
    return merged


def cells_of(rounds: Sequence[Round], server: str, cell: str) -> list[CellFigures]:
    """A server's cells of one name, from the rounds that have it."""
    return [figures[server][cell] for figures in rounds if cell in figures.get(server, {})]


def ratios(rounds: Sequence[Round], cell: str, key: str, ours: str, theirs: str) -> list[float]:
    """Our figure divided by theirs, for each round that has both, and in which theirs is not 0."""
    both = [figures for figures in rounds if cell in figures.get(ours, {}) and cell in figures.get(theirs, {})]
    pairs = [(figures[ours][cell][key], figures[theirs][cell][key]) for figures in both]
    return [a / b for a, b in pairs if a is not None and b]
