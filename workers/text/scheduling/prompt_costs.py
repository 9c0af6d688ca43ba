"""What a token of a prompt costs, by how much of the prompt lies before it."""

from __future__ import annotations

SMOOTHING = 0.2
"""Weight of the newest step in a moving average."""

FIRST_DEPTH_TOKENS = 1024
"""Depths below are told apart no further, those above by their powers of two."""

PER_DOUBLING = 1.5
"""A token at twice the depth is taken to cost so many times as much until one was measured, from 1,024 tokens on."""

LEAST_S = 1e-9
"""A token takes so long at least: averages of steps that take no time must not end in a division by zero."""


class PromptCosts:
    """Seconds for each token of a prompt: moving averages for each depth, learnt from steps.

    ``token_s`` is what it is taken to be near the start of a prompt until a step was measured there. A depth of which
    nothing is known counts as the nearest lower one, as if much of a token's time grew with its depth.
    """

    def __init__(self, token_s: float) -> None:
        self._initial_s = token_s
        self._token_s: dict[int, float] = {}

    def token_s(self, depth: int) -> float:
        """Seconds for each token behind ``depth`` others."""
        level = _level(depth)
        nearest = max((known for known in self._token_s if known <= level), default=0)
        return max(LEAST_S, self._token_s.get(nearest, self._initial_s) * PER_DOUBLING ** (level - nearest))

    def observe(self, tokens: int, depth: int, duration_s: float) -> None:
        """Learn from ``tokens`` tokens behind ``depth`` others, which took ``duration_s``."""
        known_s = self.token_s(depth)
        self._token_s[_level(depth)] = known_s + SMOOTHING * (duration_s / tokens - known_s)


def _level(depth: int) -> int:
    return (depth // FIRST_DEPTH_TOKENS).bit_length()
