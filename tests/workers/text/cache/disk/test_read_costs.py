"""Reading pays where it takes less time than computing, as far as that was measured."""

from __future__ import annotations

from workers.text.cache.disk.costs import ReadCosts

MB = 1_000_000


def measured(token_s: float, byte_s: float) -> ReadCosts:
    costs = ReadCosts(on_gpu=False)
    costs.observe_step(100, 100 * token_s)
    costs.observe_read(MB, MB * byte_s)
    costs.observe_load(MB, MB * byte_s)
    return costs


def test_reading_pays_if_it_takes_half_the_time_of_computing() -> None:
    costs = measured(token_s=1e-3, byte_s=1e-9)
    assert costs.pays(200 * MB, 1000)  # 0.4 s beside 1 s
    assert not costs.pays(300 * MB, 1000)


def test_an_earlier_run_s_time_of_a_token_holds_until_one_is_measured() -> None:
    costs = ReadCosts(on_gpu=False)
    assert costs.token_s == 0
    assert not costs.pays(1000 * MB, 1000)
    costs.expect_token(0.1)
    assert costs.pays(1000 * MB, 1000)
    costs.observe_step(100, 0.1)
    costs.expect_token(0.1)
    assert not costs.pays(1000 * MB, 1000)


def test_short_steps_say_nothing_of_prompts() -> None:
    costs = ReadCosts(on_gpu=False)
    costs.observe_step(1, 5.0)
    assert costs.token_s == 0


def test_a_slow_copy_into_the_context_counts() -> None:
    costs = measured(token_s=1e-3, byte_s=1e-9)
    costs.observe_load(MB, 10.0)
    assert not costs.pays(200 * MB, 1000)
