"""The estimate of how long a picture still takes."""

from __future__ import annotations

import pytest

from workers.diffusion.step_timer import StepTimer


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_there_is_no_estimate_before_the_first_step(clock: Clock) -> None:
    timer = StepTimer(clock)
    timer.begin(10, 100)
    timer.sampling()
    assert timer.remaining_s() is None


def test_the_remaining_steps_are_assumed_to_take_as_long_as_the_steps_done(clock: Clock) -> None:
    timer = StepTimer(clock)
    timer.begin(10, 100)
    timer.sampling()
    clock.now_s = 4.0
    timer.step(2)
    assert timer.remaining_s() == pytest.approx(8 * 2.0 + 2 * 2.0)
    clock.now_s = 5.0
    assert timer.remaining_s() == pytest.approx(19.0)


def test_decoding_is_assumed_to_take_as_long_as_in_the_previous_picture(clock: Clock) -> None:
    timer = StepTimer(clock)
    for pixels in (100, 200):
        timer.begin(2, pixels)
        timer.sampling()
        for step in (1, 2):
            clock.now_s += 1.0
            timer.step(step)
        if pixels == 100:
            clock.now_s += 3.0
            timer.end()
    assert timer.remaining_s() == pytest.approx(6.0)
