"""How long the steps of the running streams take when they compute nothing else."""

from __future__ import annotations

SMOOTHING = 0.2
"""Weight of the newest step in the moving average."""

LARGEST_RATIO = 2.0
"""A step that took longer than so many times the average counts as one of that: something else held it up."""

LOOK_EVERY = 32
"""After so many steps that held more than the streams, one holds them alone, to see what they take by now."""

LOOK_AFTER_CHANGE = 4
"""The same when other streams run than when they were last alone."""


class StreamPace:
    """The duration of the streams' own steps; ``step_s`` is None until one was seen.

    It grows with the texts, and with what else is in the KV cache. Steps without a look at it are counted.
    """

    def __init__(self) -> None:
        self.step_s: float | None = None
        self._streams = 0
        self._without = 0

    def is_due(self, streams: int) -> bool:
        """Whether the next step should hold so many streams, and nothing else."""
        if self.step_s is None:
            return True
        return self._without >= (LOOK_EVERY if streams == self._streams else LOOK_AFTER_CHANGE)

    def observe(self, streams: int, duration_s: float) -> None:
        """Learn from a step of so many streams, and nothing else."""
        if self.step_s is None or streams != self._streams:
            self.step_s = duration_s
        else:
            newest_s = min(duration_s, LARGEST_RATIO * self.step_s)
            self.step_s += SMOOTHING * (newest_s - self.step_s)
        self._streams, self._without = streams, 0

    def pass_by(self) -> None:
        """Note a step that held more than the streams."""
        self._without += 1
