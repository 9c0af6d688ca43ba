"""Users take turns in the worker: in starting, in the prompts' tokens, and in giving up their cells."""

from __future__ import annotations

from tests.support.workers.scheduler_loop import DECODE, FINISHED, PREFILL, WAITING, Loop, lengths, numbers
from workers.text.scheduling.scheduler import HEADROOM_CELLS
from workers.text.sequence import Sequence


def flood(loop: Loop, count: int, length: int, max_tokens: int = 4, weight: float = 1.0) -> list[Sequence]:
    """Requests of one user, with prompts that have no common prefix."""
    return [loop.add(numbers(10_000 * (i + 1), length), max_tokens, user="heavy", weight=weight) for i in range(count)]


def test_a_small_prompt_overtakes_the_prompts_of_another_user_that_wait_for_cells() -> None:
    loop = Loop(slots=4, cells=200, batch=32)
    heavy = flood(loop, 5, 120)
    loop.step()
    small = loop.add(numbers(0, 10), user="light")
    assert lengths(loop.step()) == {small.job_id: 10}
    assert [sequence.state for sequence in heavy] == [PREFILL, WAITING, WAITING, WAITING, WAITING]


def test_a_small_prompt_has_a_step_for_itself_beside_the_prompt_of_another_user() -> None:
    loop = Loop(cells=400, batch=32)
    (heavy,) = flood(loop, 1, 200)
    loop.step()
    small = loop.add(numbers(0, 10), user="light")
    assert lengths(loop.step()) == {small.job_id: 10}
    assert set(lengths(loop.step())) == {heavy.job_id, small.job_id}


def test_a_plan_that_is_not_computed_leaves_nobody_out() -> None:
    loop = Loop(cells=400, batch=32)
    flood(loop, 1, 200)
    loop.step()
    small = loop.add(numbers(0, 10), user="light")
    loop.scheduler.plan()  # the engine reports the start first
    assert lengths(loop.step()) == {small.job_id: 10}


def test_a_long_prompt_has_half_of_every_second_step_however_many_short_ones_of_others_come() -> None:
    loop = Loop(slots=4, cells=400, batch=32)
    (heavy,) = flood(loop, 1, 200)
    loop.step()
    for number in range(1, 6):
        before = heavy.computed
        for half in range(2):
            loop.add(numbers(100 * (2 * number + half), 20), max_tokens=1, user=f"user {number} {half}")
            loop.step()
        assert heavy.computed - before >= 16


def test_long_prompts_of_two_users_are_filled_in_turns() -> None:
    loop = Loop(slots=4, cells=800, batch=32)
    first, second = flood(loop, 2, 200)
    loop.step()
    other = loop.add(numbers(0, 200), user="light")
    for _ in range(9):
        loop.step()
    assert (first.computed, second.computed, other.computed) == (192, 0, 128)


def test_slots_are_filled_in_turns_of_the_users() -> None:
    loop = Loop(slots=4, cells=2000, batch=64)
    heavy = flood(loop, 6, 4)
    light = [loop.add(numbers(100 * (i + 1), 4), user="light") for i in range(2)]
    loop.step()
    assert [sequence.state for sequence in light] == [DECODE, DECODE]
    assert [sequence.state for sequence in heavy].count(DECODE) == 2


def test_what_a_user_was_served_counts_at_the_next_start() -> None:
    loop = Loop(slots=3, cells=2000, batch=64)
    flood(loop, 1, 60, max_tokens=300)
    loop.add(numbers(0, 4), max_tokens=300, user="light")
    ends = loop.add(numbers(100, 4), max_tokens=2, user="other")
    waits = flood(loop, 2, 4)[1]
    light = loop.add(numbers(200, 4), user="light")
    loop.run_until(ends, FINISHED)
    loop.run_until(light, DECODE)
    assert waits.state is WAITING


def test_the_youngest_of_a_user_with_several_makes_room_for_a_user_with_none() -> None:
    loop = Loop(slots=4, cells=220, batch=64)
    heavy = flood(loop, 3, 60, max_tokens=100)
    loop.run_until(heavy[1], DECODE)
    assert heavy[2].state is WAITING
    light = loop.add(numbers(0, 60), max_tokens=20, user="light")
    loop.run_until(light, DECODE)
    assert [sequence.state for sequence in heavy] == [DECODE, WAITING, WAITING]
    loop.run_until(light, FINISHED)
    assert loop.scheduler.preemptions == 1
    for sequence in heavy:
        loop.run_until(sequence, FINISHED)
    assert heavy[1].tokens[60:] == [100 + i for i in range(100)]


def test_nothing_is_preempted_for_a_prompt_that_would_not_fit_even_then() -> None:
    loop = Loop(slots=4, cells=200, batch=64)
    heavy = flood(loop, 2, 40, max_tokens=50)
    loop.run_until(heavy[1], DECODE)
    huge = loop.add(numbers(0, 150), user="light")
    loop.step()
    assert (huge.state, loop.scheduler.preemptions) == (WAITING, 0)


def test_a_users_only_sequence_is_preempted_only_for_a_much_smaller_one() -> None:
    loop = Loop(slots=4, cells=200, batch=64)
    (heavy,) = flood(loop, 1, 180, max_tokens=15)
    loop.run_until(heavy, DECODE)
    similar = loop.add(numbers(0, 60), user="other")
    loop.step()
    assert (similar.state, heavy.state) == (WAITING, DECODE)
    small = loop.add(numbers(500, 10), max_tokens=2, user="light")
    loop.run_until(small, FINISHED)
    assert loop.scheduler.preemptions == 1
    loop.run_until(heavy, FINISHED)
    assert heavy.tokens[180:] == [100 + i for i in range(15)]


def test_a_sequence_that_lost_tokens_computes_as_many_new_ones_before_it_makes_room_again() -> None:
    loop = Loop(slots=4, cells=200, batch=64, can_share_prefixes=False)
    (heavy,) = flood(loop, 1, 150, max_tokens=45)
    loop.run_until(heavy, DECODE)
    small = loop.add(numbers(0, 30), max_tokens=2, user="light")
    loop.run_until(small, FINISHED)
    assert loop.scheduler.preemptions == 1
    loop.run_until(heavy, DECODE)
    assert heavy.guarded_until == 300
    small = loop.add(numbers(0, 30), max_tokens=2, user="light")
    loop.run_until(heavy, FINISHED)
    assert (small.state, loop.scheduler.preemptions) == (WAITING, 1)
    loop.run_until(small, FINISHED)


def test_a_preempted_sequence_whose_tokens_stayed_in_the_cache_loses_nothing() -> None:
    loop = Loop(slots=2, cells=400, batch=64)
    heavy = flood(loop, 2, 60, max_tokens=50)
    loop.run_until(heavy[1], DECODE)
    computed = heavy[1].computed
    assert loop.scheduler.preempt_youngest() is heavy[1]
    loop.step()
    assert heavy[1].computed > computed
    assert heavy[1].guarded_until == computed


def test_too_few_cells_end_the_youngest_of_the_user_with_several_and_not_the_other_users_only_one() -> None:
    loop = Loop(slots=3, cells=3 * (10 + HEADROOM_CELLS) + 20)
    heavy = flood(loop, 2, 10, max_tokens=100)
    light = loop.add(numbers(0, 10), max_tokens=50, user="light")
    while loop.scheduler.preemptions == 0:
        loop.step()
    assert [heavy[0].state, heavy[1].state, light.state] == [DECODE, WAITING, DECODE]
    loop.run_until(light, FINISHED)
    assert loop.scheduler.preemptions == 1


def test_batch_jobs_start_after_interactive_ones_and_make_room_for_them_first() -> None:
    loop = Loop(slots=2, cells=220, batch=64)
    batch = flood(loop, 2, 60, max_tokens=100, weight=0.1)
    loop.run_until(batch[1], DECODE)
    interactive = loop.add(numbers(0, 60), max_tokens=100, user="light")
    loop.scheduler.finish(batch[0])
    later = loop.add(numbers(500, 4), user="other", weight=0.1)
    loop.step()
    assert (interactive.state, later.state) == (DECODE, WAITING)
    assert loop.scheduler.preempt_youngest() is batch[1]


def test_batch_jobs_preempt_nothing() -> None:
    loop = Loop(slots=4, cells=220, batch=64)
    heavy = flood(loop, 2, 80, max_tokens=40)
    loop.run_until(heavy[1], DECODE)
    batch = loop.add(numbers(0, 60), user="light", weight=0.1)
    loop.step()
    assert (batch.state, loop.scheduler.preemptions) == (WAITING, 0)
