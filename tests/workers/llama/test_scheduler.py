from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.wire.jobs import Sampling, TextJob
from tests.support.workers.fake_kv_memory import FakeKVMemory
from workers.llama.cache.kv_cache import KVCache
from workers.llama.prefill_budget import MIN_PROMPT_TOKENS, TILE_TOKENS, PrefillBudget
from workers.llama.sampling.sampler import Sampler
from workers.llama.scheduler import MIN_SHARED_TOKENS, ScheduledTokens, Scheduler
from workers.llama.sequence import Sequence, SequenceState
from workers.llama.text.assembler import TextAssembler

WAITING, PREFILL, DECODE, FINISHED = SequenceState


class Loop:
    """The engine's loop with a memory of plain lists in place of a model, which checks every step."""

    def __init__(
        self,
        slots: int = 4,
        cells: int = 200,
        batch: int = 32,
        can_share_prefixes: bool = True,
        separate_from_cells: int | None = None,
    ) -> None:
        self.memory = FakeKVMemory()
        self.cache = KVCache(self.memory, cells, slots + (4 if can_share_prefixes else 0), can_share_prefixes)
        self.scheduler = Scheduler(self.cache, slots, batch, separate_from_cells=separate_from_cells)
        self.slots, self.cells, self.batch = slots, cells, batch
        self.sequences: list[Sequence] = []
        self.times = itertools.count(1)

    def add(self, prompt: list[int], max_tokens: int = 4) -> Sequence:
        """Queue a sequence; each is younger than those before it."""
        sampler = Sampler(Sampling(temperature=0.0), vocab_size=8)
        name = str(len(self.sequences))
        sequence = Sequence(name, TextJob(), list(prompt), len(prompt), max_tokens, sampler, TextAssembler([]))
        sequence.received_at_s = float(next(self.times))
        self.sequences.append(sequence)
        self.scheduler.add(sequence)
        return sequence

    def step(self, appended: int = 1) -> list[ScheduledTokens]:
        """One step, in which every sequence whose logits were wanted grows by ``appended`` tokens."""
        scheduled = self.scheduler.plan()
        self.check(scheduled)
        for part in scheduled:
            sequence = part.sequence
            new = sequence.tokens[sequence.computed : sequence.computed + part.length]
            self.memory.append(sequence.cache_id, new)
        assert self.memory.used_cells <= self.cells
        self.scheduler.complete(scheduled)
        for part in scheduled:
            sequence = part.sequence
            assert self.memory.tokens(sequence.cache_id) == sequence.tokens[: sequence.computed]
            if part.wants_logits:
                assert sequence.state is DECODE
                room = sequence.max_tokens - sequence.generated
                sequence.tokens += [100 + sequence.generated + i for i in range(min(appended, room))]
                if sequence.generated >= sequence.max_tokens:
                    self.scheduler.finish(sequence)
        assert self.cache.used_cells == self.memory.used_cells
        return scheduled

    def check(self, scheduled: list[ScheduledTokens]) -> None:
        assert sum(part.length for part in scheduled) <= self.batch
        assert len({part.sequence.job_id for part in scheduled}) == len(scheduled)
        assert len(self.scheduler.running) <= self.slots
        ids = [sequence.cache_id for sequence in self.scheduler.running]
        assert len(set(ids)) == len(ids)
        for part in scheduled:
            assert part.sequence in self.scheduler.running
            assert 0 < part.length <= part.sequence.pending
            assert part.wants_logits == (part.length == part.sequence.pending)

    def run_until(self, sequence: Sequence, state: SequenceState) -> None:
        for _ in range(1000):
            if sequence.state is state:
                return
            self.step()
        pytest.fail(f"sequence {sequence.job_id} is {sequence.state}, not {state}")


def lengths(scheduled: list[ScheduledTokens]) -> dict[str, int]:
    return {part.sequence.job_id: part.length for part in scheduled}


def numbers(start: int, count: int) -> list[int]:
    return list(range(start, start + count))


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
    loop.scheduler.budget.observe(512, 100.0)  # however slow it is
    loop.add(numbers(0, 1000))
    assert lengths(loop.step()) == {"0": 512}


def test_in_a_filled_cache_streams_and_prompts_take_turns() -> None:
    loop = Loop(batch=32, separate_from_cells=20)
    stream = loop.add(numbers(0, 24), max_tokens=50)
    loop.run_until(stream, DECODE)
    prompt = loop.add(numbers(1000, 100))
    steps = []
    while prompt.state is not DECODE:
        steps.append(set(lengths(loop.step())))
    assert {frozenset(step) for step in steps} == {frozenset({stream.job_id}), frozenset({prompt.job_id})}
    assert all(one != next_one for one, next_one in itertools.pairwise(steps))


def test_in_a_cache_with_little_in_it_streams_and_prompts_share_the_step() -> None:
    loop = Loop(batch=32, separate_from_cells=150)
    stream = loop.add(numbers(0, 24), max_tokens=50)
    loop.run_until(stream, DECODE)
    prompt = loop.add(numbers(1000, 40))
    assert set(lengths(loop.step())) == {stream.job_id, prompt.job_id}


@pytest.mark.parametrize(("token_s", "tiles"), [(0.0005, 8), (0.001, 4), (0.002, 2), (0.1, 1)])
def test_the_prefill_budget_learns_what_keeps_a_step_near_its_target(token_s: float, tiles: int) -> None:
    budget = PrefillBudget(512, 0.25)
    for _ in range(60):
        tokens = budget.tokens(decoding=4) + 4
        assert tokens % TILE_TOKENS == 0
        budget.observe(tokens, tokens * token_s)
    assert budget.tokens(decoding=4) + 4 == tiles * TILE_TOKENS


@given(st.lists(st.tuples(st.integers(1, 512), st.floats(1e-6, 100.0)), max_size=30), st.integers(1, 400))
def test_the_prefill_budget_stays_within_its_bounds_whatever_steps_take(
    steps: list[tuple[int, float]], decoding: int
) -> None:
    budget = PrefillBudget(512, 0.1)
    for tokens, duration_s in steps:
        budget.observe(tokens, duration_s)
        assert MIN_PROMPT_TOKENS <= budget.tokens(decoding) <= 512 - decoding


def test_steps_without_prompts_teach_the_budget_nothing() -> None:
    budget = PrefillBudget(512, 0.1)
    before = budget.tokens(decoding=4)
    budget.observe(TILE_TOKENS - 1, 10.0)
    assert budget.tokens(decoding=4) == before


def test_prompts_that_arrive_together_wait_for_their_common_prefix_and_share_it() -> None:
    loop = Loop(slots=4, batch=16)
    common = numbers(0, 64)
    prompts = [loop.add([*common, 1000 + i]) for i in range(4)]
    loop.step()
    assert [prompt.state for prompt in prompts] == [PREFILL, WAITING, WAITING, WAITING]
    for prompt in prompts:
        loop.run_until(prompt, FINISHED)
    assert [prompt.cached_tokens for prompt in prompts] == [0, 64, 64, 64]


def test_a_prefix_shorter_than_it_is_worth_is_not_waited_for() -> None:
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


def test_a_repeated_prompt_computes_its_last_token_again_to_have_its_logits() -> None:
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


def test_the_youngest_is_put_back_when_the_cache_is_full_and_all_finish() -> None:
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


def test_a_cancelled_prompt_leaves_what_it_had_computed_to_others() -> None:
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


def test_a_memory_that_cannot_share_serves_all_the_same() -> None:
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
    requests=st.lists(st.tuples(PROMPTS, st.integers(1, 30), st.integers(0, 10)), min_size=1, max_size=10),
    slots=st.integers(1, 5),
    cells=st.integers(90, 160),
    batch=st.sampled_from([8, 16, 64]),
    appended=st.integers(1, 3),
    can_share_prefixes=st.booleans(),
    cancelled=st.sets(st.integers(0, 40), max_size=3),
)
def test_all_sequences_finish_whatever_comes_and_the_cells_are_never_exceeded(
    requests: list[tuple[list[int], int, int]],
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
    work = sum(len(prompt) + max_tokens for prompt, max_tokens, _ in requests)
    for step in range(10 + 10 * work):
        while arrivals and arrivals[0][2] <= step:
            prompt, max_tokens, _ = arrivals.pop(0)
            loop.add(prompt, max_tokens)
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
