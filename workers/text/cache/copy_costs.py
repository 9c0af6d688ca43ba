"""Whether copying a sequence between a GPU and main memory costs less than computing it again.

llama.cpp copies each run of neighbouring cells on its own, layer by layer. Many streams that generate at a time take
cells in turns, so a sequence of theirs is in runs of one cell: its copy can take several times as long as its prefill.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

MAX_SHARE = 0.5
"""A copy pays if a token takes at most this share of its computation: whether it is ever wanted is not known."""

MIN_STEP_TOKENS = 64
"""Smaller steps say nothing of prompts: one of a single token takes nearly as long."""

SMOOTHING = 0.3
"""Weight of the newest measurement in the moving averages. Copies that got slower count at once."""

FADING = 0.95
"""What is known of copies loses this much with each one that is left out, so that it is measured again some time."""


class CopyCosts:
    """Learns what a token takes to compute, to save and to load, and says which copies pay."""

    def __init__(self) -> None:
        self._compute_s = math.inf
        self.saving, self.loading = CopyCost(self), CopyCost(self)

    @property
    def limit_s(self) -> float:
        """The longest time per token with which a copy pays."""
        return MAX_SHARE * self._compute_s

    def observe_step(self, tokens: int, duration_s: float) -> None:
        """Learn from a step of the model."""
        if tokens >= MIN_STEP_TOKENS:
            token_s = duration_s / tokens
            known = math.isfinite(self._compute_s)
            self._compute_s = self._compute_s + SMOOTHING * (token_s - self._compute_s) if known else token_s


class CopyCost:
    """The time per token of copies in one direction; 0 until one was measured."""

    def __init__(self, costs: CopyCosts) -> None:
        self._costs = costs
        self._token_s = 0.0

    def pays(self) -> bool:
        """Whether the next copy pays. If not, it must be left out."""
        if self._token_s <= self._costs.limit_s:
            return True
        self._token_s *= FADING
        return False

    @contextmanager
    def measured(self, tokens: int) -> Iterator[None]:
        """Within the block, a sequence of ``tokens`` is copied."""
        began_at_s = time.perf_counter()
        yield
        self.observe(tokens, time.perf_counter() - began_at_s)

    def observe(self, tokens: int, duration_s: float) -> None:
        """Learn from a copy."""
        token_s = duration_s / max(tokens, 1)
        self._token_s = max(token_s, self._token_s + SMOOTHING * (token_s - self._token_s))
