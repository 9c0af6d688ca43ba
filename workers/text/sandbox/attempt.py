"""One attempt to prepare a job: its limits, and its end when the client leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may take: seconds of CPU time, and bytes of memory."""

    cpu_s: float
    memory_bytes: int


class Cancelled(Exception):
    """Nobody waits for the job any more."""


class PreparationAttempt:
    """Carries an attempt's limits to its tasks.

    ``is_quick`` attempts are repeated with larger limits. Those in the background leave the cores to others.
    """

    def __init__(self, limits: Limits, is_quick: bool = False, in_background: bool = False) -> None:
        self.limits = limits
        self.is_quick = is_quick
        self.in_background = in_background
        self._lock = threading.Lock()
        self._kill: Callable[[], None] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """End the running task, and start no other. Any thread may call it."""
        with self._lock:
            self._cancelled = True
            if self._kill is not None:
                self._kill()

    @contextmanager
    def killed_by(self, kill: Callable[[], None]) -> Iterator[None]:
        """Within the block, :meth:`cancel` calls ``kill``.

        Raises:
            Cancelled: the attempt is cancelled, before or within the block.
        """
        with self._lock:
            if self._cancelled:
                raise Cancelled
            self._kill = kill
        try:
            yield
        finally:
            with self._lock:
                self._kill = None
                if self._cancelled:
                    raise Cancelled
