from __future__ import annotations

from typing import Any

import pytest

from scripts.bench.measurements.figures import Round, cell_of
from scripts.bench.measurements.outcome import Outcome
from scripts.bench.report.chart import bars
from scripts.bench.report.tables import (
    as_markdown,
    as_text,
    figures_table,
    heading,
    markdown,
    median_cells,
    servers_of,
    targets_table,
)
from scripts.bench.report.targets import SMALL, USUAL, USUAL_BYTES, targets_of, verdicts

ABOUT = {
    "machine": {
        "date": "2031-01-02 03:04 UTC",
        "cpu": "Some CPU",
        "cores": 2,
        "memory_bytes": 8_000_000_000,
        "system": "Linux 7",
        "python": "3.11.7",
        "versions": {"nexa-server": "0.1.0", "xllamacpp": "1.2"},
        "builds": {"xllamacpp": "AVX2 = 1", "llama-cpp-python": ""},
    },
    "setting": {"model": "m.gguf", "threads": 2, "context": 4096, "slots": 16},
    "rounds_done": 3,
}


def cell(**figures: Any) -> dict[str, Any]:
    """A cell of one successful request, with ``figures`` replaced."""
    return cell_of([Outcome(0.0, [0.5, 0.75], 1.0, tokens=10)], 0.0, 1.0).as_dict() | figures


def verdict_of(rounds: list[Any], cell_name: str, against: str, ours: str = "nexa") -> Any:
    found = [
        v
        for v in verdicts(rounds, SMALL)
        if (v.target.cell, v.target.theirs, v.target.ours) == (cell_name, against, ours)
    ]
    assert len(found) == 1
    return found[0]


def test_a_ratio_is_the_median_over_the_rounds() -> None:
    speeds = [(100.0, 100.0), (120.0, 100.0), (130.0, 100.0)]
    rounds = [
        {"nexa": {"a": cell(tokens_per_s=ours)}, "llama-server": {"a": cell(tokens_per_s=theirs)}}
        for ours, theirs in speeds
    ]
    verdict = verdict_of(rounds, "a", "llama-server")
    assert (verdict.ratio, verdict.lowest, verdict.highest, verdict.reached) == (1.2, 1.0, 1.3, True)


@pytest.mark.parametrize(("seconds", "reached"), [(1.2, True), (1.3, False)])
def test_for_times_a_smaller_ratio_is_better(seconds: float, reached: bool) -> None:
    rounds = [{"nexa": {"c-cold": cell(total_s=seconds)}, "llama-server": {"c-cold": cell(total_s=10.0)}}]
    assert verdict_of(rounds, "c-cold", "llama-server").reached is reached


def test_invalid_calls_of_ours_miss_the_target_however_fast_the_others_were() -> None:
    theirs = {"f": cell(calls_per_s=1.0, invalid_calls=2)}
    rounds = [{"nexa": {"f": cell(calls_per_s=9.0, invalid_calls=0)}, "llama-server": theirs}]
    good = verdict_of(rounds, "f", "llama-server")
    assert (good.reached, good.remark) == (True, "theirs: 2 invalid calls")
    rounds.append({"nexa": {"f": cell(calls_per_s=9.0, invalid_calls=1)}, "llama-server": theirs})
    bad = verdict_of(rounds, "f", "llama-server")
    assert (bad.reached, bad.remark) == (False, "ours: 1 invalid calls; theirs: 4 invalid calls")


def test_a_server_with_a_figure_of_zero_gives_no_ratio() -> None:
    rounds = [{"nexa": {"f": cell(calls_per_s=9.0)}, "llama-server": {"f": cell(calls_per_s=0.0, invalid_calls=24)}}]
    verdict = verdict_of(rounds, "f", "llama-server")
    assert (verdict.ratio, verdict.reached, verdict.remark) == (None, False, "theirs: 24 invalid calls")
    assert targets_table([verdict])[1][3:5] == ["-", "-"]


def test_two_workers_are_measured_against_one_and_the_server_against_the_bare_loop() -> None:
    rounds = [
        {
            "nexa": {"b16": cell(tokens_per_s=90.0), "e": cell(cached_share=0.8)},
            "nexa --workers 2": {"b16": cell(tokens_per_s=99.0), "e": cell(cached_share=0.6)},
            "bare loop": {"b16": cell(tokens_per_s=100.0)},
        }
    ]
    assert verdict_of(rounds, "b16", "bare loop").ratio == 0.9
    assert verdict_of(rounds, "b16", "nexa", "nexa --workers 2").reached
    assert not verdict_of(rounds, "e", "nexa", "nexa --workers 2").reached


def test_targets_without_measured_cells_are_left_out() -> None:
    assert verdicts([{"nexa": {"a": cell()}, "llama-server": {"b4": cell()}}], SMALL) == []
    assert verdicts([], SMALL) == []


def test_every_target_names_a_figure_that_cells_have() -> None:
    assert {target.key for target in [*SMALL, *USUAL]} <= cell().keys()


def test_a_model_of_a_usual_size_has_targets_of_its_own() -> None:
    assert targets_of(100_000_000) is SMALL
    assert targets_of(USUAL_BYTES) is USUAL


def test_the_table_has_a_column_for_each_server_and_dashes_for_what_it_did_not_do() -> None:
    rounds = [
        {
            "nexa": {"a": cell(tokens_per_s=1234.56), "d": cell(worst_gap_s=0.123)},
            "llama_cpp.server": {"a": cell(tokens_per_s=50.0, failures=1)},
            "broken": {},
        }
    ]
    table = figures_table(median_cells(rounds))
    assert table[0] == ["work", "figure", "nexa", "llama_cpp.server"]
    lines = {(row[0], row[1]): row[2:] for row in table[1:]}
    assert lines["(a) one user", "tokens/s"] == ["1,234.6", "50.0"]
    assert lines["", "worst gap of the streams, s"] == ["0.12", "-"]
    assert ["", "requests / failures", "1 / 0", "1 / 1"] in table
    assert ["", "ITL p50 / p99 / max, ms", "250 / 250 / 250", "250 / 250 / 250"] in table
    assert not any("valid calls" in row[1] for row in table)


def test_the_order_of_servers_does_not_depend_on_which_was_measured_first() -> None:
    first: Round = {name: {} for name in ("bare loop", "mine", "llama-server")}
    assert servers_of([first, {"nexa": {}}]) == ["nexa", "llama-server", "mine", "bare loop"]


def test_columns_are_aligned_in_text() -> None:
    text = as_text([["work", "x"], ["long name of it", "1"], ["b", "22"]])
    assert text.splitlines() == [
        "work             x",
        "---------------  --",
        "long name of it  1",
        "b                22",
    ]


def test_markdown_aligns_numbers_right() -> None:
    text = as_markdown([["work", "x"], ["a", "1.5"], ["b", "-"]])
    assert text.splitlines() == ["| work | x |", "| --- | --: |", "| a | 1.5 |", "| b | - |"]


def test_the_markdown_names_machine_versions_and_settings() -> None:
    rounds = [{"nexa": {"a": cell()}, "llama-server": {"a": cell()}}]
    text = markdown(ABOUT, median_cells(rounds), verdicts(rounds, SMALL))
    for part in ("2031-01-02", "Some CPU, 2 cores, 8 GB", "xllamacpp 1.2", "m.gguf", "medians of 3 rounds", "AVX2 = 1"):
        assert part in text
    assert "llama-cpp-python was built" not in text
    assert "one round" in heading({**ABOUT, "rounds_done": 1})


def test_bars_show_how_many_times_better_both_speeds_and_times_are() -> None:
    rounds = [
        {
            "nexa": {"a": cell(tokens_per_s=150.0), "e": cell(total_s=2.0)},
            "llama-server": {"a": cell(tokens_per_s=100.0), "e": cell(total_s=8.0)},
            "bare loop": {"a": cell(tokens_per_s=200.0)},
        }
    ]
    drawn = bars(rounds)
    assert drawn == {"(a) one user: tokens/s": {"nexa": 1.5}, "(e) chats: total time": {"nexa": 4.0}}
