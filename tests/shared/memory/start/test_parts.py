"""Workers get fair parts of a device's memory."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.memory.start.parts import fair_parts


def test_what_is_left_is_split_equally() -> None:
    assert fair_parts(100, [(10, 90), (20, 90)]) == [45, 55]


def test_nobody_gets_more_than_it_can_use() -> None:
    assert fair_parts(100, [(10, 15), (10, 90), (10, 10)]) == [15, 75, 10]


def test_all_parts_shrink_if_there_is_too_little() -> None:
    assert fair_parts(30, [(20, 20), (40, 90)]) == [10, 20]


NEEDS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 100)), max_size=6)


@settings(deadline=None)
@given(st.integers(0, 400), NEEDS)
def test_parts_never_exceed_the_budget_and_the_order_changes_little(budget: int, needs: list[tuple[int, int]]) -> None:
    parts = fair_parts(budget, needs)
    assert sum(parts) <= budget
    if sum(low for low, _ in needs) <= budget:
        assert all(low <= part for part, (low, _) in zip(parts, needs, strict=True))
    again = fair_parts(budget, needs[::-1])[::-1]
    assert all(abs(one - other) <= 1 for one, other in zip(parts, again, strict=True))
