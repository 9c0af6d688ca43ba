from __future__ import annotations

import itertools

from tests.support.workers.scheduler_loop import DECODE, FINISHED, PREFILL, WAITING, Loop, lengths, numbers
from workers.text.scheduling.prefill_budget import PlannedStep


def test_running_streams_come_before_prompts_and_the_prompt_gets_the_rest() -> None:
    loop = Loop(batch=32)
    stream = loop.add([1, 2], max_tokens=50)
    loop.run_until(stream, DECODE)
    prompt = loop.add(numbers(10, 100))
    for _ in range(2):
        scheduled = loop.step()
        assert scheduled[0].sequence is stream
        assert lengths(scheduled)[stream.job_id] == 1
        assert 0 < lengths(scheduled)[prompt.job_id] <= loop.batch - 1
    assert stream.generated >= 3
    assert prompt.state is PREFILL


def test_a_long_prompt_is_filled_in_chunks_of_the_budget() -> None:
    loop = Loop(batch=32)
    prompt = loop.add(numbers(0, 100))
    sizes = []
    while prompt.state in (WAITING, PREFILL):
        sizes += [part.length for part in loop.step()]
    assert sum(sizes) == 100
    assert max(sizes) == 32
    assert len(sizes) <= 5


def test_a_short_prompt_does_not_wait_behind_a_long_one() -> None:
    loop = Loop(batch=32)
    long = loop.add(numbers(0, 150))
    loop.step()
    short = loop.add(numbers(1000, 10))
    loop.step()
    assert short.state is DECODE
    assert long.state is PREFILL


def test_a_long_prompt_keeps_half_of_each_step_however_many_short_ones_come() -> None:
    loop = Loop(slots=4, batch=32, cells=400)
    long = loop.add(numbers(0, 100))
    loop.step()
    for number in range(1, 7):
        loop.add(numbers(1000 * number, 10), max_tokens=1)
        before = long.computed
        loop.step()
        assert long.state is DECODE or long.computed - before >= 16
    assert long.state in (DECODE, FINISHED)


def test_of_two_long_prompts_the_older_one_is_filled_first() -> None:
    loop = Loop(batch=32)
    older, younger = loop.add(numbers(0, 60)), loop.add(numbers(1000, 60))
    assert lengths(loop.step()) == {older.job_id: 32}
    assert younger.state is PREFILL


def test_tokens_that_a_grammar_forced_are_computed_in_one_step() -> None:
    loop = Loop()
    sequence = loop.add([1, 2], max_tokens=20)
    loop.run_until(sequence, DECODE)
    loop.step(appended=5)
    assert lengths(loop.step()) == {"0": 5}


def test_without_streams_the_prompts_get_the_whole_batch() -> None:
    loop = Loop(batch=512, cells=2000)
    loop.scheduler.budget.observe(PlannedStep(prompt=512), 1.0)  # however little others would get
    loop.add(numbers(0, 1000))
    assert lengths(loop.step()) == {"0": 512}


def test_with_many_used_cells_streams_and_prompts_take_turns() -> None:
    loop = Loop(batch=32, separate_from_cells=20)
    stream = loop.add(numbers(0, 24), max_tokens=50)
    loop.run_until(stream, DECODE)
    prompt = loop.add(numbers(1000, 100))
    steps = []
    while prompt.state is not DECODE:
        steps.append(set(lengths(loop.step())))
    assert {frozenset(step) for step in steps} == {frozenset({stream.job_id}), frozenset({prompt.job_id})}
    assert all(one != next_one for one, next_one in itertools.pairwise(steps))


def test_with_few_used_cells_streams_and_prompts_share_the_step() -> None:
    loop = Loop(batch=32, separate_from_cells=150)
    stream = loop.add(numbers(0, 24), max_tokens=50)
    loop.run_until(stream, DECODE)
    prompt = loop.add(numbers(1000, 40))
    assert set(lengths(loop.step())) == {stream.job_id, prompt.job_id}
