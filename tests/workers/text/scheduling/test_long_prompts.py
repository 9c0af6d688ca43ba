"""A long prompt beside streams: what steps hold, and what they would take on a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.workers.scheduler_loop import DECODE, PREFILL, Loop, lengths, numbers
from workers.text.scheduling import prompt_costs, prompt_order
from workers.text.scheduling.prefill_budget import TILE_TOKENS
from workers.text.scheduling.scheduled import ScheduledTokens

STREAM_S = 0.06
PROMPT = 1200


@pytest.fixture(autouse=True)
def _short_long_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts are long from 400 tokens on, and their depths are told apart from 32 tokens on."""
    monkeypatch.setattr(prompt_order, "LONG_PROMPT_TOKENS", 400)
    monkeypatch.setattr(prompt_costs, "FIRST_DEPTH_TOKENS", 32)


def takes(scheduled: list[ScheduledTokens]) -> float:
    """A model of a CPU: a token costs more behind many others, and a third of that in a tile."""
    prompts = [part for part in scheduled if part.sequence.state is PREFILL or part.length > 1]
    in_tiles = sum(part.length for part in scheduled) >= TILE_TOKENS
    step_s = 0.0 if len(prompts) == len(scheduled) else STREAM_S
    for part in prompts:
        attention_s = part.sequence.computed * 40e-6
        step_s += part.length * (0.004 + attention_s / (3 if in_tiles else 1))
    return step_s


def with_streams(loop: Loop, count: int = 4) -> None:
    streams = [loop.add(numbers(10_000 * (number + 1), 8), max_tokens=10_000) for number in range(count)]
    while not all(stream.state is DECODE for stream in streams):
        loop.step(takes=takes)
    loop.step(takes=takes)


def steps_of(loop: Loop, job_id: str) -> Iterator[tuple[list[ScheduledTokens], float]]:
    """The steps until a prompt is computed, and what each takes."""
    sequence = loop.sequences[int(job_id)]
    while sequence.state is not DECODE:
        durations: list[float] = []

        def timed(scheduled: list[ScheduledTokens], into: list[float] = durations) -> float:
            into.append(takes(scheduled))
            return into[0]

        yield loop.step(takes=timed), durations[0]


def test_streams_have_a_token_in_each_step_and_wait_at_most_three_of_their_own() -> None:
    loop = Loop(slots=8, cells=20_000, batch=512, separate_from_cells=16)
    with_streams(loop)
    long = loop.add(numbers(0, PROMPT))
    steps = list(steps_of(loop, long.job_id))
    sizes = [lengths(scheduled).get(long.job_id, 0) for scheduled, _ in steps]
    assert all({"0", "1", "2", "3"} <= set(lengths(scheduled)) for scheduled, _ in steps)
    assert all(step_s <= 3 * STREAM_S for _, step_s in steps)
    assert sum(sizes) == PROMPT
    assert max(sizes[: len(sizes) // 4]) > 2 * max(sizes[-len(sizes) // 4 :])
    assert sizes.count(0) <= len(sizes) // 16


def test_other_prompts_keep_their_tiles_and_a_long_one_its_turns() -> None:
    loop = Loop(slots=8, cells=20_000, batch=512, separate_from_cells=16)
    with_streams(loop)
    long = loop.add(numbers(0, PROMPT))
    loop.step(takes=takes)
    short = loop.add(numbers(100_000, 300))
    kinds = set()
    while short.state is not DECODE:
        scheduled = lengths(loop.step(takes=takes))
        kinds.add((long.job_id in scheduled, short.job_id in scheduled, "0" in scheduled))
        assert scheduled.get(short.job_id, TILE_TOKENS) >= min(TILE_TOKENS, 300 % TILE_TOKENS)
    assert kinds == {(True, False, True), (False, True, False), (False, False, True)}


def test_a_long_prompt_that_is_cached_but_for_its_end_is_none() -> None:
    loop = Loop(slots=8, cells=20_000, batch=512, separate_from_cells=16)
    loop.add(numbers(0, PROMPT), max_tokens=1)
    while loop.scheduler.has_work():
        loop.step(takes=takes)
    with_streams(loop)
    again = loop.add([*numbers(0, PROMPT), *numbers(50_000, 100)])
    (sizes,) = {lengths(scheduled).get(again.job_id, 0) for scheduled, _ in steps_of(loop, again.job_id)} - {0, 36}
    assert sizes == TILE_TOKENS


def test_without_streams_a_long_prompt_has_whole_batches() -> None:
    loop = Loop(slots=8, cells=20_000, batch=512, separate_from_cells=16)
    loop.add(numbers(0, PROMPT))
    assert lengths(loop.step()) == {"0": 512}


def test_without_separate_steps_a_long_prompt_has_whole_tiles_of_the_time_that_it_may_add() -> None:
    """As on a GPU, where a tile takes little longer than the streams alone."""
    loop = Loop(slots=8, cells=20_000, batch=512)

    def on_gpu(scheduled: list[ScheduledTokens]) -> float:
        return 0.01 + sum(part.length for part in scheduled) * 0.0001

    for number in range(4):
        loop.add(numbers(10_000 * (number + 1), 8), max_tokens=10_000)
    for _ in range(4):
        loop.step(takes=on_gpu)
    long = loop.add(numbers(0, PROMPT))
    sizes = []
    while long.state is not DECODE:
        sizes.append(lengths(loop.step(takes=on_gpu)).get(long.job_id, 0) + 4)
    assert set(sizes[:-1]) - {4} <= {TILE_TOKENS, 2 * TILE_TOKENS, 3 * TILE_TOKENS}
    assert len(sizes) < PROMPT / TILE_TOKENS + 8
