"""Answers are completed within their token budget."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.workers.constraint_walks import answer_within, by_schema, text_of
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.closing import ClosingGuard, closing_growth
from workers.text.constraints.compiler import GrammarCompiler


class Brackets:
    """A text of open brackets, closed with one token each; counts the searches."""

    def __init__(self) -> None:
        self.open = 0
        self.looks = 0

    def closing(self, limit: int) -> list[int] | None:
        self.looks += 1
        return [0] * self.open if self.open <= limit else None


@settings(deadline=None)
@given(st.integers(1, 400), st.lists(st.integers(0, 5), min_size=400, max_size=400))
def test_whichever_tokens_are_drawn_the_answer_is_completed(budget: int, openings: list[int]) -> None:
    text = Brackets()
    guard = ClosingGuard(text, growth=5)
    left = budget
    for opened in openings:
        if left == 0:
            break
        closing = guard.closing(left)
        before = text.open
        text.open += opened
        if closing is not None and not guard.still_fits(left - 1):
            text.open = before
            assert len(closing) <= left
            return
        left -= 1
    assert text.open <= left


def test_with_a_large_budget_searches_are_rare() -> None:
    text = Brackets()
    guard = ClosingGuard(text, growth=50)
    for left in range(8000, 2000, -1):
        if guard.closing(left) is not None:
            assert guard.still_fits(left - 1)
    assert text.looks < 300


LONG_ITEMS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {f"a_rather_long_property_name_{i}": {"type": "string", "minLength": 9} for i in range(8)},
        "required": [f"a_rather_long_property_name_{i}" for i in range(8)],
    },
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("budget", [90, 200, 330])
def test_items_of_many_tokens_are_begun_only_if_they_can_be_completed(
    compiler: GrammarCompiler, vocabulary: LlamaVocabulary, seed: int, budget: int
) -> None:
    """An item takes over a hundred tokens, far more than are left near the end."""
    growth = closing_growth(json.dumps(LONG_ITEMS))
    constraint = by_schema(compiler, LONG_ITEMS)
    tokens = answer_within(constraint, growth, vocabulary, random.Random(seed), budget)
    assert len(tokens) <= budget
    assert isinstance(json.loads(text_of(vocabulary, tokens)), list)


@pytest.mark.parametrize(
    ("schema", "at_least"),
    [
        ({"type": "array", "minItems": 5, "items": {"type": "array", "minItems": 6, "items": {"const": "ab"}}}, 60),
        ({"type": "array", "minItems": 3, "items": {"type": "string", "format": "uuid"}}, 108),
        ({"type": "string", "pattern": "^(([a-z]{8}-){4},){2}$"}, 64),
        ({"type": "string", "minLength": 300}, 300),
    ],
    ids=["lists of lists", "formats", "groups of groups", "length"],
)
def test_the_growth_counts_what_is_repeated(schema: dict[str, Any], at_least: int) -> None:
    assert closing_growth(json.dumps(schema)) >= at_least
