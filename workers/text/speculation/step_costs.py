"""How long a step takes, by the number of its tokens."""

from __future__ import annotations

from bisect import bisect_left

SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 192, 256, 384, 512)
"""Steps of sizes between two of these are told apart no further."""

LEVEL_WEIGHT = 0.2
"""Of a new step, for the level: steps become slower as texts grow, and as other programs compute."""

SHAPE_WEIGHT = 0.1
"""Of a new step, for the ratio of its size to others."""

LARGEST_RATIO = 3.0
"""A step that took longer than so many times what was expected counts as one of that."""


class StepCosts:
    """The duration of steps, learnt from steps that only generate.

    The duration is a level, which follows the newest steps, times a shape, learnt for each size that was seen. Sizes
    that were not yet seen are derived from the nearest smaller one: ``slope`` is what a token more costs, as a part of
    a step with a single token.
    """

    def __init__(self, slope: float) -> None:
        self._slope = slope
        self._level_s = 0.0
        self._shape: dict[int, float] = {}
        self._sizes: list[int] = []

    @property
    def is_known(self) -> bool:
        """Whether any step was seen."""
        return bool(self._sizes)

    def seconds(self, tokens: int) -> float:
        """How long a step of ``tokens`` tokens will take."""
        return self._level_s * self._at(_size_of(tokens))

    def observe(self, tokens: int, duration_s: float) -> None:
        """Learn from a step."""
        size = _size_of(tokens)
        if not self._sizes:
            self._level_s = duration_s
        at = self._at(size)
        ratio = min(duration_s / max(self._level_s * at, 1e-9), LARGEST_RATIO)
        if size in self._shape:
            self._level_s *= ratio**LEVEL_WEIGHT
            self._shape[size] = at * ratio**SHAPE_WEIGHT
        else:
            self._shape[size] = at * ratio
            self._sizes.insert(bisect_left(self._sizes, size), size)

    def _at(self, size: int) -> float:
        """The shape's value: between two sizes that were seen it is on their line."""
        if not self._sizes:
            return 1.0
        index = bisect_left(self._sizes, size)
        if index < len(self._sizes) and self._sizes[index] == size:
            return self._shape[size]
        if index == 0:
            first = self._sizes[0]
            return self._shape[first] * (1 + self._slope * size) / (1 + self._slope * first)
        below = self._sizes[index - 1]
        low = self._shape[below]
        if index == len(self._sizes):
            return low * (1 + self._slope * size) / (1 + self._slope * below)
        above = self._sizes[index]
        return low + (self._shape[above] - low) * (size - below) / (above - below)


def _size_of(tokens: int) -> int:
    return SIZES[min(bisect_left(SIZES, tokens), len(SIZES) - 1)]
