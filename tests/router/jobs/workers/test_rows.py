"""The rows of workers without a process."""

from __future__ import annotations

import pytest

from router.jobs.workers.rows import row_of
from shared.wire.supervision import WorkerState, WorkerStatus


@pytest.mark.parametrize(("state", "planned"), [(WorkerState.LOADING, {"cpu": 7}), (WorkerState.FAILED, {})])
def test_nothing_is_planned_for_a_worker_that_has_failed(state: WorkerState, planned: dict[str, int]) -> None:
    status = WorkerStatus("m/0", "m", "m/0.1", state, 1, "it crashed", memory={"cpu": 7})
    assert row_of("m/0", None, status).planned_memory_bytes == planned
