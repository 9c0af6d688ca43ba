"""Estimate how long a picture still takes from the steps that are done."""

from __future__ import annotations

import time
from collections.abc import Callable

UNMEASURED_DECODING_STEPS = 2.0
"""The assumed time to decode the picture after the last step, in steps, until it was measured once."""


class StepTimer:
    """Times one picture after another. The painter's thread writes, any thread may read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps = 0
        self._done = 0
        self._pixels = 0
        self._first_step_at_s = 0.0
        self._last_step_at_s = 0.0
        self._decoding_s_per_pixel: float | None = None

    def begin(self, steps: int, pixels: int) -> None:
        """A picture with ``steps`` steps and ``pixels`` pixels begins."""
        self._steps, self._pixels, self._done = steps, pixels, 0

    def sampling(self) -> None:
        """The first step begins."""
        self._first_step_at_s = self._clock()

    def step(self, done: int) -> None:
        """``done`` steps are done."""
        self._last_step_at_s = self._clock()
        self._done = done

    def end(self) -> None:
        """The picture is finished."""
        if self._done == self._steps:
            self._decoding_s_per_pixel = (self._clock() - self._last_step_at_s) / self._pixels

    def remaining_s(self) -> float | None:
        """Seconds until the picture is finished; None before its first step is done."""
        if not self._done:
            return None
        step_s = (self._last_step_at_s - self._first_step_at_s) / self._done
        if self._decoding_s_per_pixel is None:
            decoding_s = UNMEASURED_DECODING_STEPS * step_s
        else:
            decoding_s = self._decoding_s_per_pixel * self._pixels
        since_s = self._clock() - self._last_step_at_s
        return max((self._steps - self._done) * step_s + decoding_s - since_s, 0.0)
