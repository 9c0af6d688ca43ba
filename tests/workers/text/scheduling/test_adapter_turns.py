from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.wire.jobs import AdapterSet
from tests.support.workers.scheduler_loop import FINISHED, Loop, numbers
from workers.text.scheduling.adapter_turns import PATIENCE_S, TURN_S
from workers.text.sequence import Sequence

BASE: AdapterSet = ()
FIRST: AdapterSet = (("first", 1.0),)
SECOND: AdapterSet = (("second", 1.0),)
STEP_S = TURN_S / 5


def steps_of(loop: Loop, steps: int, duration_s: float = STEP_S) -> list[AdapterSet]:
    """The sets of the next steps."""
    return [loop.step(duration_s=duration_s)[0].sequence.adapters for _ in range(steps)]


def stream(loop: Loop, start: int, user: str, adapters: AdapterSet) -> Sequence:
    return loop.add([start], max_tokens=10_000, user=user, adapters=adapters)


def crowd(loop: Loop, users: int, adapters: AdapterSet) -> None:
    for user in range(users):
        stream(loop, 10 * user, f"of the crowd {user}", adapters)


def large(separate_from_cells: int | None = None) -> Loop:
    return Loop(slots=16, cells=100_000, batch=32, separate_from_cells=separate_from_cells)


def test_sets_alternate_in_turns_of_several_steps() -> None:
    loop = large()
    stream(loop, 0, "ann", BASE)
    stream(loop, 1, "bob", FIRST)
    sets = steps_of(loop, 40)
    runs = [1]
    for before, after in pairwise(sets):
        if before == after:
            runs[-1] += 1
        else:
            runs.append(1)
    assert set(runs[:-1]) <= {5, 6}
    assert 19 <= Counter(sets)[BASE] <= 21


def test_slow_steps_are_turns_of_their_own() -> None:
    loop = large()
    stream(loop, 0, "ann", BASE)
    stream(loop, 1, "bob", FIRST)
    sets = steps_of(loop, 10, duration_s=2 * TURN_S)
    assert sets[::2] == [sets[0]] * 5
    assert sets[1::2] == [sets[1]] * 5
    assert sets[0] != sets[1]


def test_users_get_the_same_time_however_many_share_their_set() -> None:
    loop = large()
    crowd(loop, 4, BASE)
    stream(loop, 900, "lone", FIRST)
    counts = Counter(steps_of(loop, 500))
    assert 90 <= counts[FIRST] <= 110


def test_a_user_alone_with_an_adapter_begins_within_two_turns() -> None:
    loop = large()
    crowd(loop, 8, BASE)
    stream(loop, 900, "early", SECOND)
    steps_of(loop, 100)
    lone = loop.add(numbers(5000, 8), max_tokens=100, user="lone", adapters=FIRST)
    steps_of(loop, 11)
    assert lone.generated > 0


def test_no_set_waits_for_longer_than_the_patience_and_a_turn_of_each_other() -> None:
    loop = large()
    crowd(loop, 10, BASE)
    stream(loop, 900, "of the crowd 0", FIRST)  # has had its part with the others
    stream(loop, 901, "of the crowd 1", SECOND)
    sets = steps_of(loop, 2000)
    longest = (PATIENCE_S + 3 * TURN_S) / STEP_S
    for each in (BASE, FIRST, SECOND):
        at = [index for index, adapters in enumerate(sets) if adapters == each]
        assert max(after - before for before, after in pairwise(at)) <= longest


def test_a_long_prompt_of_one_set_leaves_others_their_turns() -> None:
    loop = large()
    loop.add(numbers(10_000, 20_000), user="long", adapters=FIRST)
    lone = stream(loop, 1, "lone", BASE)
    sets = steps_of(loop, 100)
    assert Counter(sets)[BASE] == 50
    assert lone.generated >= 49


def test_one_user_with_two_sets_gets_both() -> None:
    loop = large()
    stream(loop, 0, "ann", BASE)
    stream(loop, 1, "ann", FIRST)
    assert Counter(steps_of(loop, 100)) == {BASE: 50, FIRST: 50}


def test_streams_and_prompts_take_turns_within_each_set() -> None:
    loop = large(separate_from_cells=1)
    for adapters in (BASE, FIRST):
        stream(loop, len(adapters), f"stream {adapters}", adapters)
    steps_of(loop, 4, duration_s=TURN_S)
    prompts = [
        loop.add(numbers(20_000 + 5000 * at, 320), user=f"prompt {at}", adapters=adapters)
        for at, adapters in enumerate((BASE, FIRST))
    ]
    for _ in range(60):
        loop.step(duration_s=TURN_S)
    assert [prompt.generated > 0 for prompt in prompts] == [True, True]


def test_a_set_whose_sequences_have_no_cells_lets_others_go_on() -> None:
    loop = Loop(slots=4, cells=60, batch=16)
    sequences = [
        loop.add(numbers(100 * at, 20), max_tokens=30, user=f"user {at}", adapters=adapters)
        for at, adapters in enumerate((BASE, FIRST, SECOND))
    ]
    for sequence in sequences:
        loop.run_until(sequence, FINISHED)


jobs = st.tuples(st.integers(1, 40), st.integers(1, 20), st.sampled_from("abc"), st.sampled_from([BASE, FIRST, SECOND]))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 3), jobs), max_size=24), st.integers(1, 4), st.sampled_from([1, None]))
def test_all_sequences_of_all_sets_finish_and_no_step_mixes_them(
    arrivals: list[tuple[int, tuple[int, int, str, AdapterSet]]], slots: int, separate_from_cells: int | None
) -> None:
    loop = Loop(slots=slots, cells=100, batch=16, separate_from_cells=separate_from_cells)
    for index, (steps, (length, max_tokens, user, adapters)) in enumerate(arrivals):
        for _ in range(steps):
            loop.step(duration_s=0.02)
        loop.add(numbers(1000 * (index % 3), length), max_tokens, user, adapters=adapters)
    for sequence in loop.sequences:
        for _ in range(1000):
            if sequence.state is FINISHED:
                break
            loop.step(duration_s=0.02)
        assert sequence.state is FINISHED
