"""Inputs of similar length are computed together."""

from __future__ import annotations

import itertools
import random

import pytest

from workers.onnx.embedding.padding import START_TOKENS, groups_of


def cost(lengths: list[int], groups: list[list[int]]) -> int:
    return sum(START_TOKENS + max(lengths[index] for index in group) * len(group) for group in groups)


def test_inputs_of_one_length_are_one_group() -> None:
    assert groups_of([7] * 5) == [[0, 1, 2, 3, 4]]
    assert groups_of([3]) == [[0]]
    assert groups_of([]) == []


def test_short_inputs_are_not_padded_to_a_long_one() -> None:
    assert groups_of([5, 300, 5, 6]) == [[1], [3, 0, 2]]


def test_a_little_padding_is_cheaper_than_another_computation() -> None:
    assert groups_of([9, 10, 8]) == [[1, 0, 2]]


@pytest.mark.parametrize("seed", range(20))
def test_no_other_division_costs_less(seed: int) -> None:
    draw = random.Random(seed)
    lengths = [draw.choice([1, 2, 8, 20, 30, 90]) for _ in range(7)]
    groups = groups_of(lengths)
    assert sorted(index for group in groups for index in group) == list(range(7))
    order = sorted(range(7), key=lambda index: -lengths[index])
    divisions = (
        [order[begin:end] for begin, end in itertools.pairwise((0, *cuts, 7))]
        for count in range(7)
        for cuts in itertools.combinations(range(1, 7), count)
    )
    assert cost(lengths, groups) == min(cost(lengths, list(division)) for division in divisions)
