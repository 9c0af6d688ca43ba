"""How long a picture still takes, by the steps that are done."""

from __future__ import annotations

from router.jobs.pictures.steps import StepCount


def test_the_time_left_is_known_from_the_second_step_on() -> None:
    count = StepCount()
    count.note(1, 5, now_s=10.0)
    assert (count.done, count.steps, count.seconds_left(10.0)) == (1, 5, None)
    count.note(2, 5, now_s=12.0)
    assert count.seconds_left(12.0) == 8.0, "three steps and decoding"
    assert count.seconds_left(13.0) == 7.0
    assert count.seconds_left(60.0) == 0.0


def test_a_picture_that_is_begun_anew_counts_anew() -> None:
    count = StepCount()
    count.note(3, 5, now_s=10.0)
    count.note(1, 5, now_s=100.0)
    count.note(2, 5, now_s=101.0)
    assert count.seconds_left(101.0) == 4.0
