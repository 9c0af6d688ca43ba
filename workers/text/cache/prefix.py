"""Comparing the beginnings of token lists."""

from __future__ import annotations

from collections.abc import Sequence as Tokens


def common_prefix(run: Tokens[int], tokens: Tokens[int], start: int = 0) -> int:
    """The length of the common prefix of ``run`` and ``tokens[start:]``."""
    limit = min(len(run), len(tokens) - start)
    if limit <= 0 or run[0] != tokens[start]:
        return 0
    if run[:limit] == tokens[start : start + limit]:
        return limit
    low, high = 0, limit  # run[:low] matches, run[:high] does not
    while high - low > 1:
        middle = (low + high) // 2
        if run[low:middle] == tokens[start + low : start + middle]:
            low = middle
        else:
            high = middle
    return low
