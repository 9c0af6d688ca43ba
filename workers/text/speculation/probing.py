"""When drafts are tried that are not expected to pay."""

from __future__ import annotations

FIRST_STEPS = 4
"""So many steps without drafts come before the first probe, as nothing is known of a new worker's models."""

MOST_STEPS = 64
"""And so many at most between two: a probe that is refused costs a step or two."""


class ProbeClock:
    """Counts steps without drafts. Probes become rarer as long as drafts do not pay, and more frequent if they do."""

    def __init__(self) -> None:
        self._wait_steps = FIRST_STEPS
        self._plain_steps = 0

    def paid(self) -> None:
        """A step has drafts that are expected to pay."""
        self._plain_steps = 0
        self._wait_steps = max(FIRST_STEPS, self._wait_steps // 2)

    def is_due(self) -> bool:
        """Count a step that is not expected to gain by drafts: whether it is time for a probe."""
        self._plain_steps += 1
        return self._plain_steps >= self._wait_steps

    def probed(self) -> None:
        """A step has drafts as a probe."""
        self._plain_steps = 0
        self._wait_steps = min(MOST_STEPS, 2 * self._wait_steps)
