from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.workers.scheduler_loop import DECODE, FINISHED, PREFILL, WAITING, Loop, numbers
from workers.text.scheduling.sharing import MIN_SHARED_TOKENS
from workers.text.sequence import Sequence, SequenceState


def test_prompts_that_arrive_together_wait_for_their_common_prefix_and_share_it() -> None:
    loop = Loop(slots=4, batch=16)
    common = numbers(0, 64)
    prompts = [loop.add([*common, 1000 + i]) for i in range(4)]
    loop.step()
    assert [prompt.state for prompt in prompts] == [PREFILL, WAITING, WAITING, WAITING]
    for prompt in prompts:
        loop.run_until(prompt, FINISHED)
    assert [prompt.cached_tokens for prompt in prompts] == [0, 64, 64, 64]


def test_a_prompt_does_not_wait_for_a_short_prefix() -> None:
    loop = Loop(batch=8)
    common = numbers(0, MIN_SHARED_TOKENS - 1)
    prompts = [loop.add([*common, *numbers(1000 * i, 5)]) for i in (1, 2)]
    loop.step()
    assert [prompt.state for prompt in prompts] == [PREFILL, PREFILL]


def test_a_prompt_that_waits_for_a_prefix_lets_others_pass() -> None:
    loop = Loop(slots=3, batch=16)
    common = numbers(0, 60)
    loop.add([*common, 1])
    waits = loop.add([*common, 2])
    other = loop.add(numbers(500, 4))
    loop.step()
    assert waits.state is WAITING
    assert other.state is not WAITING


def test_the_next_turn_of_a_conversation_finds_the_last_one_in_the_cache() -> None:
    loop = Loop()
    first = loop.add(numbers(0, 20))
    loop.run_until(first, FINISHED)
    second = loop.add([*first.tokens, *numbers(50, 5)])
    loop.run_until(second, FINISHED)
    assert second.cached_tokens == len(first.tokens) - 1  # the last token was drawn but never computed


def test_a_repeated_prompt_computes_its_last_token_again_for_its_logits() -> None:
    loop = Loop()
    for expected in (0, 19):
        sequence = loop.add(numbers(0, 20))
        loop.run_until(sequence, FINISHED)
        assert sequence.cached_tokens == expected


def test_no_more_sequences_run_than_there_are_slots() -> None:
    loop = Loop(slots=2)
    sequences = [loop.add([10 * i]) for i in range(5)]
    loop.step()
    assert [sequence.state for sequence in sequences].count(WAITING) == 3
    for sequence in sequences:
        loop.run_until(sequence, FINISHED)


def test_sequences_start_in_the_order_in_which_they_came() -> None:
    loop = Loop(slots=1)
    sequences = [loop.add([10 * i]) for i in range(4)]
    finished = []
    while loop.scheduler.has_work():
        loop.step()
        finished += [s for s in sequences if s.state is FINISHED and s not in finished]
    assert finished == sequences


def test_no_more_prompts_start_at_once_than_the_cells_can_hold() -> None:
    loop = Loop(slots=4, cells=200)
    prompts = [loop.add(numbers(1000 * i, 70)) for i in range(4)]
    loop.step()
    assert [prompt.state for prompt in prompts] == [PREFILL, PREFILL, WAITING, WAITING]


def test_cached_tokens_that_a_prompt_shares_take_cells_again() -> None:
    loop = Loop(slots=2, cells=200)
    loop.run_until(loop.add(numbers(0, 90)), FINISHED)
    stream = loop.add(numbers(500, 70), max_tokens=60)
    loop.run_until(stream, DECODE)
    follows = loop.add(numbers(0, 110))
    loop.step()
    assert follows.state is WAITING
    loop.run_until(follows, FINISHED)
    assert loop.scheduler.preemptions == 0


def test_a_full_cache_preempts_the_youngest_and_all_finish() -> None:
    loop = Loop(slots=2, cells=90)
    old = loop.add(numbers(0, 5), max_tokens=60)
    young = loop.add(numbers(100, 5), max_tokens=60)
    while loop.scheduler.preemptions == 0:
        loop.step()
    assert (old.state, young.state) == (DECODE, WAITING)
    assert (young.cache_id, young.computed) == (-1, 0)
    assert loop.scheduler.preemptions == 1
    generated = young.generated
    loop.run_until(old, FINISHED)
    loop.run_until(young, FINISHED)
    assert generated > 0
    assert young.tokens[5:] == [100 + i for i in range(60)]


@pytest.mark.parametrize("state", [WAITING, PREFILL, DECODE])
def test_a_cancelled_sequence_frees_its_slot_in_every_state(state: SequenceState) -> None:
    loop = Loop(slots=1, batch=16)
    if state is WAITING:
        loop.add([7], max_tokens=3)
    cancelled = loop.add(numbers(0, 40), max_tokens=50)
    loop.step()
    if state is DECODE:
        loop.run_until(cancelled, DECODE)
    assert cancelled.state is state
    loop.scheduler.finish(cancelled)
    assert cancelled.state is FINISHED
    after = loop.add([9])
    loop.run_until(after, FINISHED)
    while loop.scheduler.has_work():
        loop.step()
    assert cancelled not in loop.scheduler.running
    loop.cache.clear_kept()
    assert loop.memory.used_cells == 0


def test_a_cancelled_prompt_leaves_its_computed_tokens_to_others() -> None:
    loop = Loop(batch=16)
    cancelled = loop.add(numbers(0, 40))
    loop.step()
    computed = cancelled.computed
    loop.scheduler.finish(cancelled)
    heir = loop.add(numbers(0, 40))
    loop.run_until(heir, FINISHED)
    assert heir.cached_tokens == computed > 0


def test_a_preempted_sequence_can_be_cancelled() -> None:
    loop = Loop(slots=2)
    loop.add([1], max_tokens=9)
    young = loop.add([2], max_tokens=9)
    loop.step()
    assert loop.scheduler.preempt_youngest() is young
    loop.scheduler.finish(young)
    while loop.scheduler.has_work():
        loop.step()
    assert young.generated <= 1


def test_the_last_running_sequence_is_never_preempted() -> None:
    loop = Loop()
    loop.add([1], max_tokens=9)
    loop.step()
    assert loop.scheduler.preempt_youngest() is None


def test_a_model_that_cannot_share_prefixes_is_served() -> None:
    loop = Loop(slots=2, cells=64, can_share_prefixes=False)
    sequences = [loop.add(numbers(0, 30)) for _ in range(3)]
    for sequence in sequences:
        loop.run_until(sequence, FINISHED)
    assert [sequence.cached_tokens for sequence in sequences] == [0, 0, 0]
    assert loop.memory.used_cells == 0


PREFIX = numbers(0, 40)
PROMPTS = st.builds(
    lambda shared, rest: [*PREFIX[:shared], *rest] or [0],
    st.integers(0, len(PREFIX)),
    st.lists(st.integers(200, 202), max_size=20),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    requests=st.lists(
        st.tuples(PROMPTS, st.integers(1, 30), st.integers(0, 10), st.sampled_from("abc"), st.sampled_from([1.0, 0.1])),
        min_size=1,
        max_size=10,
    ),
    slots=st.integers(1, 5),
    cells=st.integers(90, 160),
    batch=st.sampled_from([8, 16, 64]),
    appended=st.integers(1, 3),
    can_share_prefixes=st.booleans(),
    cancelled=st.sets(st.integers(0, 40), max_size=3),
)
def test_all_sequences_finish_and_the_cells_are_never_exceeded_whatever_comes(
    requests: list[tuple[list[int], int, int, str, float]],
    slots: int,
    cells: int,
    batch: int,
    appended: int,
    can_share_prefixes: bool,
    cancelled: set[int],
) -> None:
    loop = Loop(slots, cells, batch, can_share_prefixes)
    arrivals = sorted(requests, key=lambda request: request[2])
    dropped: list[Sequence] = []
    work = sum(len(prompt) + max_tokens for prompt, max_tokens, *_ in requests)
    for step in range(10 + 10 * work):
        while arrivals and arrivals[0][2] <= step:
            prompt, max_tokens, _, user, weight = arrivals.pop(0)
            loop.add(prompt, max_tokens, user, weight)
        if not arrivals and not loop.scheduler.has_work():
            break
        loop.step(appended)
        if step in cancelled:
            alive = [s for s in loop.sequences if s.state is not FINISHED]
            if alive:
                dropped.append(alive[step % len(alive)])
                loop.scheduler.finish(dropped[-1])
    assert not loop.scheduler.has_work(), "some sequences never finish"
    for sequence in loop.sequences:
        assert sequence.state is FINISHED
        if sequence not in dropped:
            assert sequence.tokens[sequence.prompt_length :] == [100 + i for i in range(sequence.max_tokens)]
    loop.cache.clear_kept()
    assert loop.memory.used_cells == 0
