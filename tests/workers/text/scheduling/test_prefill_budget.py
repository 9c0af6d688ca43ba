from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.text.scheduling.prefill_budget import (
    LONG_PART,
    MAX_ALONE_S,
    MIN_PROMPT_TOKENS,
    TILE_TOKENS,
    PlannedStep,
    PrefillBudget,
)

STREAMS = PlannedStep(streams=4, decoding=4)


def of_tokens(tokens: int, depth: int = 0) -> PlannedStep:
    """A step of a prompt."""
    return PlannedStep(prompt=tokens, depth=depth)


@pytest.mark.parametrize(("token_s", "tiles"), [(0.0005, 8), (0.001, 4), (0.002, 2), (0.1, 1)])
def test_the_prefill_budget_learns_what_keeps_a_step_near_its_target(token_s: float, tiles: int) -> None:
    budget = PrefillBudget(512, 0.25)
    for _ in range(60):
        tokens = budget.tokens(decoding=4) + 4
        assert tokens % TILE_TOKENS == 0
        budget.observe(of_tokens(tokens), tokens * token_s)
    assert budget.tokens(decoding=4) + 4 == tiles * TILE_TOKENS


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 512), st.floats(1e-6, 100.0)), max_size=30), st.integers(1, 400))
def test_the_prefill_budget_stays_within_its_bounds_whatever_steps_take(
    steps: list[tuple[int, float]], decoding: int
) -> None:
    budget = PrefillBudget(512, 0.1)
    for tokens, duration_s in steps:
        budget.observe(of_tokens(tokens), duration_s)
        assert MIN_PROMPT_TOKENS <= budget.tokens(decoding) <= 512 - decoding


def test_steps_smaller_than_a_tile_do_not_change_the_budget() -> None:
    budget = PrefillBudget(512, 0.1)
    before = budget.tokens(decoding=4)
    budget.observe(of_tokens(TILE_TOKENS - 1), 10.0)
    assert budget.tokens(decoding=4) == before


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.builds(PlannedStep, st.integers(0, 5), st.integers(0, 80), st.integers(0, 80), st.integers(0, 40_000)),
            st.floats(0, 100.0),
        ),
        max_size=30,
    ),
    st.integers(1, 100),
    st.integers(0, 40_000),
)
def test_a_long_prompt_always_goes_on_and_never_shares_a_tile_with_streams(
    steps: list[tuple[PlannedStep, float]], decoding: int, depth: int
) -> None:
    budget = PrefillBudget(512, 0.35)
    for step, duration_s in steps:
        budget.observe(step, duration_s)
    rows = budget.rows(decoding, depth)
    assert 0 <= rows + decoding < TILE_TOKENS if rows else budget.tokens(0, depth, is_long=True) >= TILE_TOKENS


@pytest.mark.parametrize("depth", [0, 5000, 30_000])
def test_a_long_prompt_adds_little_to_the_steps_of_streams_at_any_depth(depth: int) -> None:
    """A token behind 30,000 others takes four times as long as the first ones, one in a tile half as long."""
    budget, stream_s, token_s = PrefillBudget(512, 0.35), 0.06, 0.004 + depth * 0.4e-6
    budget.observe(STREAMS, stream_s)
    for _ in range(60):
        rows = budget.rows(4, depth)
        step_s = stream_s + rows * token_s
        assert rows == 1 or step_s <= 3 * stream_s
        budget.observe(PlannedStep(4, 4, rows, depth), step_s)
    assert rows == pytest.approx(LONG_PART * stream_s / token_s, abs=1)


def test_a_long_prompt_gets_tiles_where_they_are_short_beside_the_steps_of_streams() -> None:
    budget = PrefillBudget(512, 0.35)
    budget.observe(STREAMS, 0.06)
    for _ in range(60):
        budget.observe(of_tokens(128), 128 * 0.0004)
    assert budget.rows(4, 0) == 0
    assert budget.tokens(0, 0, is_long=True) == 4 * TILE_TOKENS
    assert budget.tokens(0, 0) == 512


def test_a_depth_that_was_not_seen_yet_counts_as_dear_and_one_that_was_seen_does_not_change_others() -> None:
    budget = PrefillBudget(512, 0.35)
    for _ in range(60):
        budget.observe(of_tokens(64), 0.07)
    assert budget.tokens(0) == 320
    assert budget.tokens(0, 3000) == 2 * TILE_TOKENS
    for _ in range(60):
        budget.observe(of_tokens(64, 3000), 0.1)
    assert budget.tokens(0, 3000) == 192
    assert budget.tokens(0) == 320


def test_prompts_alone_have_whole_batches_until_these_take_long() -> None:
    budget = PrefillBudget(512, 0.35)
    assert budget.alone(0) == 512
    for _ in range(60):
        budget.observe(of_tokens(512, 30_000), 18.0)
    assert budget.alone(30_000) == int(MAX_ALONE_S / (18 / 512) / TILE_TOKENS) * TILE_TOKENS == 128
    assert budget.alone(0) == 512
