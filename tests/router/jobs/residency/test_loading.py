"""How far a model is that loads."""

from __future__ import annotations

import dataclasses

import pytest

from router.jobs.job import JobState
from router.jobs.residency.loading import loading_share, stage_words
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


@pytest.mark.parametrize(
    ("state", "workers", "words"),
    [
        (JobState.QUEUED, ["loading"], "waiting for smol, which goes on loading,"),
        (JobState.QUEUED, ["unloaded", "unloaded"], "waiting for smol to be loaded"),
        (JobState.QUEUED, [], "waiting for smol to be loaded"),
        (JobState.QUEUED, ["ready", "loading"], "waiting in the queue"),
        (JobState.QUEUED, ["draining"], "waiting in the queue"),
        (JobState.RUNNING, ["ready"], "running"),
    ],
)
def test_a_request_that_takes_too_long_says_what_it_waited_for(state: JobState, workers: list[str], words: str) -> None:
    rows = [dataclasses.replace(ROW, state=state) for state in workers]
    assert stage_words(state, "smol", rows) == words
