from __future__ import annotations

import pytest

from scripts.bench.measurements.figures import Round, cell_of, cells_of, gaps_between, medians, percentile, ratios
from scripts.bench.measurements.outcome import Outcome


def outcome(*arrived_at_s: float, sent_at_s: float = 0.0, tokens: int = 0, error: str = "") -> Outcome:
    return Outcome(sent_at_s, list(arrived_at_s), max(arrived_at_s, default=sent_at_s), tokens=tokens, error=error)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([3, 1, 2], 50, 2), ([1, 2, 3, 4], 50, 2), (range(1, 101), 95, 95), ([7], 99, 7), ([1, 2], 0, 1), ([], 50, None)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], percent: float, expected: float | None) -> None:
    assert percentile(values, percent) == expected


def test_a_cell_has_the_figures_of_successful_requests() -> None:
    good, late = outcome(1.0, 1.5, 3.5, tokens=6), outcome(3.0, 4.0, sent_at_s=1.0, tokens=4)
    cell = cell_of([good, outcome(0.5, error="500", tokens=99), late], began_at_s=0.0, ended_at_s=5.0)
    assert (cell.requests, cell.failures, cell.first_error) == (3, 1, "500")
    assert (cell.tokens, cell.tokens_per_s) == (10, 2.0)
    assert (cell.ttft_p50_s, cell.ttft_p95_s) == (1.0, 2.0)
    assert (cell.itl_p50_s, cell.itl_max_s) == (1.0, 2.0)
    assert cell.answer_p95_s == 3.5


def test_the_share_of_cached_tokens_counts_the_tokens_of_all_prompts() -> None:
    requests = [outcome(1.0), outcome(1.0)]
    requests[0].prompt_tokens, requests[0].cached_tokens = 30, 0
    requests[1].prompt_tokens, requests[1].cached_tokens = 70, 50
    assert cell_of(requests, 0.0, 1.0).cached_share == 0.5
    assert cell_of([outcome(1.0)], 0.0, 1.0).cached_share is None


def test_a_cell_without_a_successful_request_has_no_times() -> None:
    cell = cell_of([outcome(error="refused")], 0.0, 1.0)
    assert (cell.failures, cell.tokens_per_s, cell.ttft_p50_s, cell.itl_max_s) == (1, 0.0, None, None)


def test_only_the_part_of_a_gap_within_the_span_counts() -> None:
    assert gaps_between([outcome(1.0, 4.0, 6.0, 9.0)], began_at_s=3.0, ended_at_s=8.0) == [1.0, 2.0, 2.0]


def test_a_stream_that_ends_early_has_a_gap_to_the_end_of_the_span() -> None:
    assert max(gaps_between([outcome(1.0, 2.0)], began_at_s=2.0, ended_at_s=9.0)) == 7.0


def test_medians_take_the_worst_of_failures_and_the_median_of_the_rest() -> None:
    cells = [
        cell_of([outcome(1.0, tokens=tokens, error=error)], 0.0, 1.0).as_dict()
        for tokens, error in ((10, ""), (30, ""), (20, "late"))
    ]
    merged = medians(cells)
    assert merged["tokens_per_s"] == 10.0  # of 10, 30 and, for the failed one, 0
    assert (merged["failures"], merged["first_error"]) == (1, "late")
    assert merged["worst_gap_s"] is None
    assert merged["ttft_p50_s"] == 1.0


def test_ratios_compare_within_a_round() -> None:
    rounds: list[Round] = [
        {"nexa": {"a": {"speed": 6.0}}, "other": {"a": {"speed": 3.0}}},
        {"nexa": {"a": {"speed": 4.0}}, "other": {"a": {"speed": 1.0}}},
        {"nexa": {"a": {"speed": 5.0}}, "other": {}},
        {"nexa": {"a": {"speed": 5.0}}, "other": {"a": {"speed": 0.0}}},
        {"nexa": {"a": {"speed": None}}, "other": {"a": {"speed": 1.0}}},
    ]
    assert ratios(rounds, "a", "speed", "nexa", "other") == [2.0, 4.0]


def test_cells_of_skips_rounds_without_the_server() -> None:
    assert cells_of([{"nexa": {"a": {"x": 1}}}, {}, {"nexa": {"b4": {"x": 2}}}], "nexa", "a") == [{"x": 1}]
