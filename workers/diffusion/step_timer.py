"""How long a picture still takes, judged by the steps that it has done."""

from __future__ import annotations

import time
from collections.abc import Callable

UNKNOWN_REST_STEPS = 2.0
"""What turning the result into a picture takes, in steps, as long as it was never measured."""


class StepTimer:
    """Follows one picture after another. Written by the thread that paints, read by others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps = 0
        self._done = 0
        self._pixels = 0
        self._first_step_at_s = 0.0
        self._last_step_at_s = 0.0
        self._rest_s_per_pixel: float | None = None

    def begin(self, steps: int, pixels: int) -> None:
        """A picture of so many steps begins."""
        self._steps, self._pixels, self._done = steps, pixels, 0

    def sampling(self) -> None:
        """Its first step begins."""
        self._first_step_at_s = self._clock()

    def step(self, done: int) -> None:
        """So many steps are done."""
        self._last_step_at_s = self._clock()
        self._done = done

    def end(self) -> None:
        """The picture is finished."""
        if self._done == self._steps:
            self._rest_s_per_pixel = (self._clock() - self._last_step_at_s) / self._pixels

    def remaining_s(self) -> float | None:
        """Until the picture is finished, or None before its first step is done."""
        if not self._done:
            return None
        step_s = (self._last_step_at_s - self._first_step_at_s) / self._done
        if self._rest_s_per_pixel is None:
            rest_s = UNKNOWN_REST_STEPS * step_s
        else:
            rest_s = self._rest_s_per_pixel * self._pixels
        since_s = self._clock() - self._last_step_at_s
        return max((self._steps - self._done) * step_s + rest_s - since_s, 0.0)
