"""After a load that has found too little memory, the longest idle model leaves."""

from __future__ import annotations

from typing import Any

from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import PlaceView, Stage
from router.jobs.residency.victims import victim_of_shortage
from shared.kinds import JobKind
from shared.settings import ModelSettings

SETTINGS = ModelSettings(name="x", kinds=(JobKind.TEXT,), engine="echo", path="")
NEEDS = ModelNeeds((({"cpu": 1, "cuda:0": 9}, SETTINGS),), 1.0)


def place(name: str, idle_s: float, stage: Stage = Stage.READY, **options: Any) -> PlaceView:
    return PlaceView(
        f"{name}/0", name, options.pop("memory", {"cpu": 5}), stage, 1.0, options.pop("running", 0), idle_s
    )


def leaves(*places: PlaceView, may_leave: str = "abc", needs: ModelNeeds | None = None) -> str | None:
    victim = victim_of_shortage(places, {*may_leave}, needs)
    return None if victim is None else victim.model


def test_the_longest_idle_one_leaves() -> None:
    assert leaves(place("a", 3), place("b", 9), place("c", 1)) == "b"


def test_one_on_the_device_that_is_short_goes_first() -> None:
    assert leaves(place("a", 9), place("b", 3, memory={"cpu": 1, "cuda:0": 5}), needs=NEEDS) == "b"


def test_neither_running_nor_loading_nor_lasting_ones_leave() -> None:
    busy, loading, lasting = place("a", 9, running=1), place("b", 9, Stage.LOADING), place("d", 9)
    assert leaves(busy, loading, lasting) is None
