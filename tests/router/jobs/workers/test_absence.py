"""For how long a model has had no worker."""

from __future__ import annotations

import pytest

from router.jobs.workers import absence as module
from router.jobs.workers.absence import Absence


class Clock:
    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_only_times_without_a_worker_count(clock: Clock) -> None:
    absence = Absence()
    for present, lasts_s in ((False, 3.0), (False, 1.0), (True, 50.0), (True, 5.0), (False, 2.0)):
        absence.note(present)
        clock.now_s += lasts_s
    assert absence.total_s == 6.0
    absence.note(True)
    clock.now_s += 10.0
    assert absence.total_s == 6.0


def test_nothing_counts_before_anything_is_said(clock: Clock) -> None:
    absence = Absence()
    clock.now_s += 10.0
    assert absence.total_s == 0.0
