"""Reads from disk are made where they take less time than computing, and slow ones are measured again."""

from __future__ import annotations

from workers.text.cache.disk.costs import ReadCosts

MB = 1_000_000


def costs(token_s: float, read_s_per_mb: float) -> ReadCosts:
    learnt = ReadCosts(on_gpu=False)
    learnt.observe_step(100, 100 * token_s)
    learnt.observe_read(100 * MB, 100 * read_s_per_mb)
    return learnt


def test_a_read_pays_if_it_takes_much_less_time_than_computing() -> None:
    assert costs(token_s=1e-3, read_s_per_mb=1e-3).pays(100 * MB, tokens=1000)
    assert not costs(token_s=1e-4, read_s_per_mb=1e-3).pays(100 * MB, tokens=1000)


def test_a_fast_disk_is_no_slower_for_a_read_that_does_not_pay() -> None:
    learnt = costs(token_s=1e-3, read_s_per_mb=1e-4)
    before_s = learnt.expected_s(100 * MB)
    assert not learnt.pays(100 * MB, tokens=1)
    assert learnt.expected_s(100 * MB) == before_s


def test_a_disk_that_was_slow_is_tried_again_after_a_while() -> None:
    learnt = costs(token_s=1e-3, read_s_per_mb=0.02)
    asked = [learnt.pays(100 * MB, tokens=1000) for _ in range(60)]
    assert asked[0] is False
    assert asked[-1] is True


def test_an_earlier_run_s_time_of_a_token_holds_until_one_is_measured() -> None:
    learnt = ReadCosts(on_gpu=False)
    assert learnt.token_s == 0
    assert not learnt.pays(1000 * MB, 1000)
    learnt.expect_token(0.1)
    assert learnt.pays(1000 * MB, 1000)
    learnt.observe_step(100, 0.1)
    learnt.expect_token(0.1)
    assert not learnt.pays(1000 * MB, 1000)


def test_short_steps_say_nothing_of_prompts() -> None:
    learnt = ReadCosts(on_gpu=False)
    learnt.observe_step(1, 5.0)
    assert learnt.token_s == 0


def test_a_slow_copy_into_the_context_counts() -> None:
    learnt = costs(token_s=1e-3, read_s_per_mb=1e-3)
    learnt.observe_load(MB, 10.0)
    assert not learnt.pays(100 * MB, tokens=1000)
