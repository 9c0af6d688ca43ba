"""Fair parts of one device's memory."""

from __future__ import annotations

from collections.abc import Sequence


def fair_parts(budget_bytes: int, needs: Sequence[tuple[int, int]]) -> list[int]:
    """Split a budget between workers, each of which needs at least and can use at most so many bytes.

    What is left beyond the least that all need is split equally, but nobody gets more than it can use. If even that is
    too much for the budget, all parts shrink alike. The order of the workers changes nothing.
    """
    least = sum(low for low, _ in needs)
    if least > budget_bytes:
        return [max(0, budget_bytes) * low // least for low, _ in needs]
    parts = [low for low, _ in needs]
    left = budget_bytes - least
    growing = sorted((max(0, high - low), number) for number, (low, high) in enumerate(needs))
    for done, (growth, number) in enumerate(growing):
        grown = min(growth, left // (len(growing) - done))
        parts[number] += grown
        left -= grown
    return parts
