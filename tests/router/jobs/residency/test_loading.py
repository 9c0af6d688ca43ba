"""How far a model is that loads."""

from __future__ import annotations

import dataclasses

import pytest

from router.jobs.residency.loading import loading_share
from tests.support.router.fake_broker import ROW


@pytest.mark.parametrize(
    ("workers", "share"),
    [
        ([], None),
        ([("ready", 1.0), ("loading", 0.5)], None),
        ([("loading", 0.25), ("loading", 0.5), ("failed", 0.9)], 0.5),
        ([("spawning", 0.0)], 0.0),
        ([("unloaded", 0.0), ("draining", 1.0)], None),
    ],
)
def test_the_share_is_that_of_the_worker_which_is_furthest(
    workers: list[tuple[str, float]], share: float | None
) -> None:
    rows = [dataclasses.replace(ROW, state=state, loading=loading) for state, loading in workers]
    assert loading_share(rows) == share
