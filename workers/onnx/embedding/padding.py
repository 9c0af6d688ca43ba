"""Which inputs are computed together: all inputs of a computation are as long as its longest."""

from __future__ import annotations

from collections.abc import Sequence

START_TOKENS = 16
"""What a computation of its own costs, in tokens."""


def groups_of(lengths: Sequence[int]) -> list[list[int]]:
    """The indices of inputs of these lengths in groups, such that the least is computed: padding, and computations.

    The longest come first.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    if not order:
        return []
    starts = [place for place, index in enumerate(order) if not place or lengths[index] != lengths[order[place - 1]]]
    ends = [*starts[1:], len(order)]
    best: list[tuple[int, int]] = [(0, 0)]  # cost of all inputs before, and where the last group of them begins
    for last, end in enumerate(ends):
        costs = (
            (best[first][0] + START_TOKENS + lengths[order[starts[first]]] * (end - starts[first]), first)
            for first in range(last + 1)
        )
        best.append(min(costs))
    groups: list[list[int]] = []
    number = len(ends)
    while number:
        first = best[number][1]
        groups.insert(0, order[starts[first] : ends[number - 1]])
        number = first
    return groups
