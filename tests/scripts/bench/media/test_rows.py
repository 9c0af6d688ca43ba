"""What streams waited for, and how rounds become rows that say what is wanted."""

from __future__ import annotations

import pytest

from scripts.bench.media.beside import EncodeBeside, gaps, rate
from scripts.bench.media.engines import Arrivals
from scripts.bench.media.rows import HEADING, beside_rows, text_rows, turn_rows
from scripts.bench.media.text_only import TextRound
from scripts.bench.media.turns import PictureTurns

STREAMS = [Arrivals(0.0, [1.0, 2.0, 5.0, 6.0]), Arrivals(0.0, [1.5, 3.5, 5.5])]


def test_gaps_count_that_have_some_of_the_span_between_their_tokens() -> None:
    assert gaps(STREAMS, 3.0, 5.2) == [3.0, 1.0, 2.0, 2.0]
    assert gaps(STREAMS, 0.0, 1.2) == [1.0]


def test_a_rate_is_that_of_all_streams_in_the_span() -> None:
    assert rate(STREAMS, 1.0, 5.0) == 4 / 4.0  # 2, 5, 1.5 and 3.5


@pytest.mark.parametrize(("longest_slice_s", "longest_node_s"), [(0.2, 0.1), (0.1, 0.2)])
def test_a_gap_may_last_a_step_and_one_and_a_half_of_the_longer(longest_slice_s: float, longest_node_s: float) -> None:
    measured = EncodeBeside(0.02, 0.1, longest_slice_s, longest_node_s, 0.3, 40.0, 20.0, 2.0, 3.0)
    assert measured.allowed_gap_s == pytest.approx(0.1 + 1.5 * 0.2)


def test_each_row_has_two_figures_their_ratio_and_what_is_wanted() -> None:
    beside = [EncodeBeside(0.02, 0.1, 0.2, 0.1, gap_s, 40.0, 20.0, 2.0, 3.0) for gap_s in (0.2, 0.3, 0.4)]
    turns = [PictureTurns(2.0, 0.1, 0.5, (2, 0, 0), 0.9), PictureTurns(4.0, 0.4, 0.5, (2, 1, 0), 0.8)]
    text = [(TextRound(50.0, 100.0, 1.0, 0.1, 0.9), TextRound(49.0, 101.0, 1.0, 0.1, 0.9))]
    rows = [*beside_rows(beside), *turn_rows(turns), *text_rows(text)]
    assert {len(row) for row in rows} == {len(HEADING)}
    by_name = {row[0].partition(" (")[0]: row[1:] for row in rows}
    gap = by_name["4 streams beside an encode: allowed and worst gap, s"]
    assert gap == ["0.400", "0.300", "0.75 (0.50 to 1.00)", "≤ 1"]
    assert by_name["their tokens/s before it and beside it"] == ["40.0", "20.0", "0.50 (0.50 to 0.50)", "≥ 0.40"]
    second = by_name["TTFT of the first and the second turn, s"]
    assert second == ["3.000", "0.250", "0.075 (0.050 to 0.100)", "≤ 0.10"]
    assert "80.0% cached, pieces encoded 2 and 0 or 1" in rows[3][0]
    assert by_name["text only, one user: tokens/s without a projector and with one"][2].startswith("0.98 ")
