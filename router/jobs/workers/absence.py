"""For how long a model has had no worker: what its jobs wait for then is a load."""

from __future__ import annotations

import time


class Absence:
    """A stopwatch that runs while a model has no worker that takes jobs."""

    def __init__(self) -> None:
        self._ended_s = 0.0
        self._since_s: float | None = None

    @property
    def total_s(self) -> float:
        """The time without a worker, all in all."""
        running_s = 0.0 if self._since_s is None else time.monotonic() - self._since_s
        return self._ended_s + running_s

    def note(self, present: bool) -> None:
        """Say whether there is a worker now; what is said holds until the next time."""
        if present:
            self._ended_s, self._since_s = self.total_s, None
        elif self._since_s is None:
            self._since_s = time.monotonic()
