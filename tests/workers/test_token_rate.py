from __future__ import annotations

import pytest

from workers.token_rate import TokenRate


def test_without_a_step_the_rate_is_zero() -> None:
    assert TokenRate(window_s=5.0).per_s(100.0) == 0.0


def test_the_rate_of_the_first_step_counts_from_its_start() -> None:
    rate = TokenRate(window_s=5.0)
    rate.count(20, began_at_s=100.0, ended_at_s=102.0)
    assert rate.per_s(102.0) == 10.0


def test_a_steady_stream_has_the_same_rate_at_any_instant() -> None:
    rate = TokenRate(window_s=5.0)
    for step in range(200):
        rate.count(3, began_at_s=step * 0.1, ended_at_s=(step + 1) * 0.1)
        assert rate.per_s((step + 1) * 0.1) == pytest.approx(30.0, abs=0.1)
    assert rate.total == 600


def test_the_rate_falls_while_nothing_is_generated_and_is_zero_after_the_window() -> None:
    rate = TokenRate(window_s=5.0)
    rate.count(20, began_at_s=100.0, ended_at_s=101.0)
    assert [rate.per_s(at_s) for at_s in (102.0, 105.0, 106.0, 106.1)] == [10.0, 4.0, 3.3, 0.0]
    assert rate.total == 20


def test_a_step_longer_than_the_window_counts_in_full() -> None:
    rate = TokenRate(window_s=5.0)
    rate.count(120, began_at_s=100.0, ended_at_s=112.0)
    assert rate.per_s(112.0) == 10.0


def test_old_steps_are_forgotten() -> None:
    rate = TokenRate(window_s=5.0)
    rate.count(1000, began_at_s=100.0, ended_at_s=101.0)
    rate.count(10, began_at_s=110.0, ended_at_s=111.0)
    assert rate.per_s(111.0) == 10.0
    assert rate.total == 1010


def test_a_step_without_any_duration_has_no_rate() -> None:
    rate = TokenRate(window_s=5.0)
    rate.count(1, began_at_s=100.0, ended_at_s=100.0)
    assert rate.per_s(100.0) == 0.0
