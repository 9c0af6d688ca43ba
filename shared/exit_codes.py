"""What a worker's exit code tells the supervisor."""

from __future__ import annotations

CANNOT_LOAD = 3
"""The model cannot be loaded: trying again is of no use."""

REPLACE = 4
"""The worker ended so that a cancelled job ends with it: another one is to be started at once."""
