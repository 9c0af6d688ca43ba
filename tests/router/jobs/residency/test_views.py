"""The served models as the policy sees them."""

from __future__ import annotations

import itertools
import time

import pytest

from router.jobs.job import Job, JobRequest
from router.jobs.lines import Lines
from router.jobs.residency.plan import PlaceView, Stage
from router.jobs.residency.retries import Retries
from router.jobs.residency.views import ModelViews
from router.jobs.residency.wishes import Wishes
from shared.wire.jobs import TextJob
from shared.wire.supervision import WorkerState
from tests.support.residency.played_supervisor import on_demand

NOBODY_IS_OUT = {WorkerState.FAILED: (), WorkerState.DRAINED: ()}


def test_models_are_compared_at_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes to look at all of them."""
    lines = Lines(("a", "b"))
    for number, name in enumerate(("a", "b")):
        job = Job(name, JobRequest("request", "user", name, TextJob(prompt="")))
        job.queued_at_s = 100.0 + number
        lines.of(job.request).queue.push(job)
    views = ModelViews(lines, Wishes(), Retries(), lambda model: None)
    clock = itertools.count(200.0, 10.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    first, second = views.all([on_demand("a"), on_demand("b")], [], 0, NOBODY_IS_OUT)
    assert first.oldest_wait_s == second.oldest_wait_s + 1


def test_models_that_nobody_wants_and_that_have_no_place_cost_nothing() -> None:
    lines, wishes = Lines("abcd"), Wishes()
    asked = Job("a", JobRequest("request", "user", "a", TextJob(prompt="")))
    lines.of(asked.request).queue.push(asked)
    wishes.load("b")
    models = [on_demand("a"), on_demand("b"), on_demand("c"), on_demand("d"), on_demand("s", load="start")]
    lines.add("s")
    place = PlaceView("c/0", "c", {}, Stage.READY)
    views = ModelViews(lines, wishes, Retries(), lambda model: None).all(models, [place], 0, NOBODY_IS_OUT)
    assert [view.name for view in views] == ["a", "b", "c", "s"]
