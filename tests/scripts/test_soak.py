"""What the soak test reports as a leak."""

from __future__ import annotations

import random

import pytest

from scripts.chaos.server import Figures
from scripts.soak import Samples, growth

MB = 1000 * 1000


def samples_of(*megabytes: float, descriptors: int = 10) -> Samples:
    return [{"router": Figures(round(mb * MB), descriptors)} for mb in megabytes]


def test_a_cache_that_fills_up_is_no_leak() -> None:
    assert growth(samples_of(*range(100, 150), *[150] * 50)) == []


def test_memory_that_is_kept_and_returned_is_no_leak() -> None:
    draw = random.Random(1)
    assert growth(samples_of(*(draw.choice([300, 300, 332, 364]) for _ in range(120)))) == []


@pytest.mark.parametrize("noise_mb", [0, 20])
def test_steady_growth_is_a_leak(noise_mb: int) -> None:
    draw = random.Random(1)
    (line,) = growth(samples_of(*(100 + step * 0.3 + draw.random() * noise_mb for step in range(120))))
    assert line.startswith("router: memory grew from")


def test_descriptors_that_are_not_closed_are_a_leak() -> None:
    samples = [{"router": Figures(100 * MB, 10 + step)} for step in range(60)]
    assert growth(samples) == ["router: open descriptors grew from 40 to 55"]


def test_a_process_that_ended_is_reported() -> None:
    assert growth([*samples_of(100, 100, 100, 100), {}]) == ["router: the process has ended"]
