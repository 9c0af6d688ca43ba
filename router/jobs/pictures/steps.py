"""How far a worker is with the denoising steps of a picture, and how long it still takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

DECODING_STEPS = 1.0
"""What decoding takes after the last step, in steps, about."""


@dataclass(slots=True)
class StepCount:
    """The steps of one job: ``done`` of ``steps``, 0 before the first one is done. Times are :func:`time.monotonic`."""

    done: int = 0
    steps: int = 0
    first_at_s: float = 0.0
    last_at_s: float = 0.0
    first_done: int = 0

    def note(self, done: int, steps: int, now_s: float | None = None) -> None:
        """``done`` steps are done."""
        now_s = time.monotonic() if now_s is None else now_s
        if not self.done or done < self.done:  # another worker begins anew
            self.first_at_s, self.first_done = now_s, done
        self.done, self.steps, self.last_at_s = done, steps, now_s

    @property
    def step_s(self) -> float | None:
        """Seconds of a step so far; None before there were two."""
        if self.done <= self.first_done:
            return None
        return (self.last_at_s - self.first_at_s) / (self.done - self.first_done)

    def seconds_left(self, now_s: float | None = None) -> float | None:
        """Seconds until the picture is finished; None before two steps were done."""
        now_s = time.monotonic() if now_s is None else now_s
        step_s = self.step_s
        if step_s is None:
            return None
        return max(0.0, (self.steps - self.done + DECODING_STEPS) * step_s - (now_s - self.last_at_s))
