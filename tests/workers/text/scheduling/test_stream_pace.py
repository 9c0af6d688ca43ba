from __future__ import annotations

import pytest

from workers.text.scheduling.stream_pace import LOOK_AFTER_CHANGE, LOOK_EVERY, StreamPace


def looked(streams: int, *durations_s: float) -> StreamPace:
    pace = StreamPace()
    for duration_s in durations_s:
        pace.observe(streams, duration_s)
    return pace


def test_the_first_step_of_streams_is_looked_at_before_anything_is_added() -> None:
    pace = StreamPace()
    assert pace.step_s is None
    assert pace.is_due(4)
    pace.observe(4, 0.06)
    assert pace.step_s == 0.06
    assert not pace.is_due(4)


@pytest.mark.parametrize(("streams", "steps"), [(4, LOOK_EVERY), (5, LOOK_AFTER_CHANGE)])
def test_another_look_is_due_after_some_steps_and_soon_if_other_streams_run(streams: int, steps: int) -> None:
    pace = looked(4, 0.06)
    for _ in range(steps):
        assert not pace.is_due(streams)
        pace.pass_by()
    assert pace.is_due(streams)
    pace.observe(streams, 0.06)
    assert not pace.is_due(streams)


def test_one_step_that_was_held_up_changes_little() -> None:
    assert looked(4, 0.05, 10.0).step_s == pytest.approx(0.06)


def test_other_streams_have_a_pace_of_their_own() -> None:
    pace = looked(1, 0.03, 0.03)
    pace.observe(16, 0.2)
    assert pace.step_s == 0.2
