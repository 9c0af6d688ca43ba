from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.text.scheduling.prefill_budget import MIN_PROMPT_TOKENS, TILE_TOKENS, PrefillBudget


@pytest.mark.parametrize(("token_s", "tiles"), [(0.0005, 8), (0.001, 4), (0.002, 2), (0.1, 1)])
def test_the_prefill_budget_learns_what_keeps_a_step_near_its_target(token_s: float, tiles: int) -> None:
    budget = PrefillBudget(512, 0.25)
    for _ in range(60):
        tokens = budget.tokens(decoding=4) + 4
        assert tokens % TILE_TOKENS == 0
        budget.observe(tokens, tokens * token_s)
    assert budget.tokens(decoding=4) + 4 == tiles * TILE_TOKENS


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 512), st.floats(1e-6, 100.0)), max_size=30), st.integers(1, 400))
def test_the_prefill_budget_stays_within_its_bounds_whatever_steps_take(
    steps: list[tuple[int, float]], decoding: int
) -> None:
    budget = PrefillBudget(512, 0.1)
    for tokens, duration_s in steps:
        budget.observe(tokens, duration_s)
        assert MIN_PROMPT_TOKENS <= budget.tokens(decoding) <= 512 - decoding


def test_steps_smaller_than_a_tile_do_not_change_the_budget() -> None:
    budget = PrefillBudget(512, 0.1)
    before = budget.tokens(decoding=4)
    budget.observe(TILE_TOKENS - 1, 10.0)
    assert budget.tokens(decoding=4) == before
