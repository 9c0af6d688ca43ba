"""How far a model is that loads."""

from __future__ import annotations

from collections.abc import Iterable

from router.jobs.workers.rows import WorkerRow
from shared.wire.supervision import WorkerState

_COMING = (WorkerState.SPAWNING, WorkerState.LOADING)


def loading_share(rows: Iterable[WorkerRow]) -> float | None:
    """The loaded share, 0 to 1, of a model's worker that is furthest; 0 while none has told any.

    None if one is ready, or none loads: then a request does not wait for a load, or not yet.
    """
    found = list(rows)
    if any(row.state == WorkerState.READY for row in found):
        return None
    return max((row.loading for row in found if row.state in _COMING), default=None)
