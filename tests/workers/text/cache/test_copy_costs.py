from __future__ import annotations

import pytest

from workers.text.cache.copy_costs import FADING, MAX_SHARE, MIN_STEP_TOKENS, CopyCosts


def test_copies_pay_until_both_costs_are_known() -> None:
    costs = CopyCosts()
    assert costs.saving.pays()
    costs.saving.observe(100, 50.0)
    assert costs.saving.pays()
    costs.observe_step(100, 10.0)
    assert not costs.saving.pays()


def test_a_copy_pays_up_to_a_share_of_the_computation() -> None:
    costs = CopyCosts()
    costs.observe_step(512, 512 * 0.001)
    costs.saving.observe(100, 100 * 0.001 * MAX_SHARE * 0.99)
    costs.loading.observe(100, 100 * 0.001 * MAX_SHARE * 1.01)
    assert costs.saving.pays()
    assert not costs.loading.pays()


def test_small_steps_say_nothing_of_prompts() -> None:
    costs = CopyCosts()
    costs.observe_step(512, 0.5)
    known = costs.limit_s
    costs.observe_step(MIN_STEP_TOKENS - 1, 10.0)
    assert costs.limit_s == known
    costs.observe_step(MIN_STEP_TOKENS, 10.0)
    assert costs.limit_s > known


def test_a_copy_is_tried_again_after_some_were_left_out() -> None:
    costs = CopyCosts()
    costs.observe_step(100, 1.0)
    costs.saving.observe(1, costs.limit_s / FADING**3)
    assert [costs.saving.pays() for _ in range(5)] == [False, False, False, True, True]


def test_copies_that_got_slower_count_at_once_and_faster_ones_by_and_by() -> None:
    costs = CopyCosts()
    costs.observe_step(100, 1.0)
    costs.saving.observe(1, costs.limit_s / 100)
    costs.saving.observe(1, costs.limit_s * 1.1)
    assert not costs.saving.pays()
    costs.saving.observe(1, costs.limit_s / 2)
    assert costs.saving.pays()
    costs.saving.observe(1, costs.limit_s * 10)
    costs.saving.observe(1, costs.limit_s / 2)
    assert not costs.saving.pays()


def test_a_measured_copy_counts_per_token(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([5.0, 5.5])
    monkeypatch.setattr("workers.text.cache.copy_costs.time.perf_counter", lambda: next(times))
    costs = CopyCosts()
    costs.observe_step(100, 1.0)  # 5 ms per token are the limit
    with costs.loading.measured(101):
        pass
    assert costs.loading.pays()
    costs.loading.observe(1, 1.0)
    assert not costs.loading.pays()
