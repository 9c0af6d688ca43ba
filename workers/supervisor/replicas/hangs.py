"""When a ready worker counts as hung."""

from __future__ import annotations

import time

from shared.wire.messages import Heartbeat


class HangWatch:
    """Follows the heartbeats of one worker.

    A ready worker hangs if no heartbeat came for ``silence_s``, or if one step takes longer than ``busy_s``.
    """

    def __init__(self, silence_s: float, busy_s: float) -> None:
        self._silence_s = silence_s
        self._busy_s = busy_s
        self._heard_at_s = 0.0

    def restart(self) -> None:
        """Measure silence from now on."""
        self._heard_at_s = time.monotonic()

    def overlong_step(self, heartbeat: Heartbeat) -> str | None:
        """Why the sender of this heartbeat hangs, or None. Silence is measured from now on."""
        self.restart()
        return f"one step took longer than {self._busy_s:.0f} s" if heartbeat.busy_s > self._busy_s else None

    def silence(self) -> str | None:
        """Why a worker that sends nothing hangs, or None if its last heartbeat is recent."""
        silent_s = time.monotonic() - self._heard_at_s
        return f"no heartbeat for {silent_s:.0f} s" if silent_s > self._silence_s else None
