"""Two threads that compute with all cores take turns, so that neither waits for cores that the other holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_S = 0.35
"""Of a slice, to the end of one more node, while a step waits for it; and of what slices owe the steps."""


class ComputingTurns:
    """Who computes: the decode loop a step, or the encoder a slice, in turns as long as both want to.

    A slice ends, where a step waits for that, at the first node after it has taken as long as the last step. What it
    takes longer it owes: the next slice is shorter by that, or leaves its turn to steps. So each gets half of the time,
    and no stream waits for longer than its usual step, a slice as long as that, and one more node.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_taken = self._step_waits = self._slice_waits = self._last_was_streams = False
        self._credit_s = 0.0
        self._slice_began_at_s = self._step_wanted_at_s = 0.0

    @contextmanager
    def step(self, is_for_streams: bool = True) -> Iterator[None]:
        """Within the block, the decode loop computes. Only a step for streams gives a slice its turn, and its time."""
        with self._changed:
            self._step_waits, self._step_wanted_at_s = True, time.monotonic()
            self._changed.wait_for(lambda: not self._is_taken and not (self._slice_waits and self._is_slices_turn()))
            self._is_taken, self._step_waits, self._last_was_streams = True, False, is_for_streams
        began_at_s = time.monotonic()
        try:
            yield
        finally:
            took_s = time.monotonic() - began_at_s
            if is_for_streams:
                self._credit_s = min(self._credit_s + took_s, took_s, LONGEST_S)
            self._release()

    @contextmanager
    def slices(self) -> Iterator[None]:
        """Within the block, the encoder computes, and calls :meth:`give_way` often."""
        self._begin_slice()
        try:
            yield
        finally:
            self._end_slice()

    def give_way(self) -> None:
        """Let a step go first that waits, unless this slice is too short yet."""
        if self._step_waits and time.monotonic() - self._slice_began_at_s >= self._credit_s:
            self._end_slice(goes_on=True)
            self._begin_slice()

    def _is_slices_turn(self) -> bool:
        return self._last_was_streams and self._credit_s > 0

    def _begin_slice(self) -> None:
        with self._changed:
            self._slice_waits = True
            self._changed.wait_for(lambda: not self._is_taken and not (self._step_waits and not self._is_slices_turn()))
            self._is_taken, self._slice_waits, self._last_was_streams = True, False, False
            self._slice_began_at_s = time.monotonic()

    def _end_slice(self, goes_on: bool = False) -> None:
        """End a slice, which costs as much as a step has waited for it. The encoder ``goes_on`` in the next but one."""
        if self._step_waits:
            cost_s = time.monotonic() - max(self._slice_began_at_s, self._step_wanted_at_s)
            self._credit_s = max(self._credit_s - cost_s, -LONGEST_S)
        self._release(goes_on)

    def _release(self, goes_on: bool = False) -> None:
        """End a turn. If it ``goes_on``, the encoder wants the next one but one."""
        with self._changed:
            self._is_taken = False
            self._slice_waits = self._slice_waits or goes_on
            self._changed.notify_all()
