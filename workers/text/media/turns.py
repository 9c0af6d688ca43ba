"""Two threads that compute with all cores take turns, so that neither waits for cores that the other holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SHORTEST_S, LONGEST_S = 0.02, 0.35
"""Of a slice, between two nodes of its graph, while a step waits for its end."""


class ComputingTurns:
    """Who computes: the decode loop a step, or the encoder a slice, in turns as long as both want to.

    A slice ends, where a step waits for that, as soon as it has taken as long as the last step. So each gets half of
    the time, and no stream waits for longer than about twice its usual step. ``waited_s`` is how long the last step
    waited.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_taken = self._step_waits = self._slice_waits = self._last_was_step = False
        self._slice_s = SHORTEST_S
        self._slice_began_at_s = 0.0
        self.waited_s = 0.0

    @contextmanager
    def step(self) -> Iterator[None]:
        """Within the block, the decode loop computes."""
        wanted_at_s = time.monotonic()
        with self._changed:
            self._step_waits = True
            self._changed.wait_for(lambda: not self._is_taken and not (self._slice_waits and self._last_was_step))
            self._is_taken, self._step_waits, self._last_was_step = True, False, True
        began_at_s = time.monotonic()
        self.waited_s = began_at_s - wanted_at_s
        try:
            yield
        finally:
            self._slice_s = min(max(time.monotonic() - began_at_s, SHORTEST_S), LONGEST_S)
            self._release()

    @contextmanager
    def slices(self) -> Iterator[None]:
        """Within the block, the encoder computes, and calls :meth:`give_way` often."""
        self._begin_slice()
        try:
            yield
        finally:
            self._release()

    def give_way(self) -> None:
        """Let a step go first that waits, unless this slice is too short yet."""
        if self._step_waits and time.monotonic() - self._slice_began_at_s >= self._slice_s:
            self._release(goes_on=True)
            self._begin_slice()

    def _begin_slice(self) -> None:
        with self._changed:
            self._slice_waits = True
            self._changed.wait_for(lambda: not self._is_taken and not (self._step_waits and not self._last_was_step))
            self._is_taken, self._slice_waits, self._last_was_step = True, False, False
            self._slice_began_at_s = time.monotonic()

    def _release(self, goes_on: bool = False) -> None:
        """End a turn. If it ``goes_on``, the encoder wants the next one but one."""
        with self._changed:
            self._is_taken = False
            self._slice_waits = self._slice_waits or goes_on
            self._changed.notify_all()
