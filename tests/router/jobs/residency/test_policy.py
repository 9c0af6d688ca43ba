"""What the policy of residency decides in single views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from router.jobs.residency.plan import (
    Close,
    Device,
    LoadModel,
    ModelView,
    PlaceView,
    Reopen,
    Residency,
    ResidencyRules,
    Stage,
    Unload,
    UnloadCause,
)
from router.jobs.residency.policy import decide

PATIENT = 30.0


def on(size: int, device: str = "gpu") -> dict[str, int]:
    return {device: size}


def model(name: str, size: int = 6, **fields: Any) -> ModelView:
    return replace(ModelView(name, (on(size),)), **fields)


def waited_for(name: str, wait_s: float = 1.0, size: int = 6, **fields: Any) -> ModelView:
    return model(name, size, **{"waiting": 1, "oldest_wait_s": wait_s, **fields})


def place(name: str, size: int = 6, stage: Stage = Stage.READY, **fields: Any) -> PlaceView:
    standard = PlaceView(f"{name}-1", name, on(size), stage, stage_s=100.0, idle_s=50.0)
    return replace(standard, **fields)


def busy(name: str, size: int = 6, stage: Stage = Stage.READY, **fields: Any) -> PlaceView:
    return place(name, size, stage, **{"running": 1, "idle_s": 0.0, **fields})


def seen(models: Sequence[ModelView], places: Sequence[PlaceView] = (), *devices: Device) -> Residency:
    return Residency(
        devices or (Device("gpu", 10),), tuple(models), tuple(places), ResidencyRules(swap_patience_s=PATIENT)
    )


def decided(models: Sequence[ModelView], places: Sequence[PlaceView] = (), *devices: Device) -> list[object]:
    """The actions without their reasons."""
    return [
        Unload(action.place, "") if isinstance(action, Unload) else action
        for action in decide(seen(models, places, *devices))
    ]


def test_a_model_with_waiting_jobs_is_loaded_where_it_fits_first() -> None:
    choices = (on(8), on(8, "other"))
    assert decided(
        [waited_for("a", choices=choices), model("b")], [busy("b")], Device("gpu", 10), Device("other", 8)
    ) == [LoadModel("a", choices[1])]


@pytest.mark.parametrize(
    "wanted",
    [
        waited_for("a", size=11),
        waited_for("a", retry_in_s=1.0),
        waited_for("a", floor=1),
        model("a"),
        waited_for("a", choices=()),
    ],
    ids=["larger than the budget", "has just failed", "the supervisor's", "nobody waits", "nowhere"],
)
def test_no_load(wanted: ModelView) -> None:
    assert decided([wanted]) == []


def test_two_are_loaded_at_once_only_with_room_for_both() -> None:
    assert decided([waited_for("a", size=4), waited_for("b")]) == [LoadModel("a", on(4)), LoadModel("b", on(6))]
    assert decided([waited_for("a", size=5), waited_for("b")]) == [LoadModel("a", on(5))]


@pytest.mark.parametrize("stage", [Stage.LOADING, Stage.LEAVING])
def test_memory_counts_until_its_place_is_gone(stage: Stage) -> None:
    assert decided([waited_for("a"), model("b")], [place("b", stage=stage)]) == []


def test_the_memory_of_a_worker_that_restarts_is_kept() -> None:
    assert decided([waited_for("a"), model("b", floor=1)]) == []


def test_an_idle_place_leaves_at_once_after_a_short_grace() -> None:
    models = [waited_for("a"), model("b")]
    assert decided(models, [place("b", idle_s=0.5)]) == []
    assert decided(models, [place("b", idle_s=2.0)]) == [Unload("b-1", "")]


def test_a_place_that_had_no_job_since_it_was_loaded_is_kept_for_the_grace_from_all() -> None:
    models = [waited_for("a", wait_s=PATIENT), model("b")]
    assert decided(models, [place("b", stage_s=1.0, was_used=False)]) == []
    assert decided(models, [place("b", stage_s=1.0)]) == [Unload("b-1", "")]
    assert decided(models, [place("b", stage_s=2.0, was_used=False)]) == [Unload("b-1", "")]


def test_the_longest_unused_leaves_first_and_what_loads_fast_sooner() -> None:
    places = [place("b", 5, idle_s=20.0), place("c", 5, idle_s=40.0)]
    assert decided([waited_for("a", size=4), model("b"), model("c")], places) == [Unload("c-1", "")]
    models = [waited_for("a", size=4), model("b", load_s=1.0), model("c", load_s=20.0)]
    assert decided(models, places) == [Unload("b-1", "")]


def test_no_more_leave_than_are_needed() -> None:
    models = [waited_for("a"), model("b", load_s=0.1), model("c")]
    assert decided(models, [place("b", 2), place("c", 6)]) == [Unload("c-1", "")]


@pytest.mark.parametrize("kept", [model("b", pinned=True), model("b", floor=1)], ids=["pinned", "floor"])
def test_pinned_and_floor_places_stay(kept: ModelView) -> None:
    assert decided([waited_for("a", 1000.0), kept], [busy("b")]) == []
    assert decided([waited_for("a", 1000.0), kept], [place("b", idle_s=5000.0)]) == []


def test_a_place_in_use_is_closed_when_others_have_waited_past_the_patience() -> None:
    models = [waited_for("b"), model("a", waiting=3, oldest_wait_s=5.0)]
    assert decided(models, [busy("a")]) == []
    models[0] = waited_for("b", PATIENT)
    assert decided(models, [busy("a")]) == [Close("a-1", "b")]
    assert decided(models, [busy("a", stage_s=9.0)]) == []


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        (busy("a", stage=Stage.CLOSED, stage_s=29.0, closed_for="b"), []),
        (busy("a", stage=Stage.CLOSED, stage_s=31.0, closed_for="b"), [Unload("a-1", "")]),
        (place("a", stage=Stage.CLOSED, stage_s=1.0, closed_for="b"), [Unload("a-1", "")]),
        (busy("a", stage=Stage.CLOSED, stage_s=119.0, closed_for="b", lost_turns=2), []),
        (busy("a", stage=Stage.CLOSED, stage_s=121.0, closed_for="b", lost_turns=2), [Unload("a-1", "")]),
    ],
    ids=["finishes what runs", "hands the rest over", "has finished", "would begin anew again", "has had longer"],
)
def test_a_closed_place(closed: PlaceView, expected: list[object]) -> None:
    assert decided([waited_for("b", 60.0), model("a", waiting=3, oldest_wait_s=5.0)], [closed]) == expected


def test_a_closed_place_takes_jobs_again_when_nobody_needs_it() -> None:
    closed = busy("a", stage=Stage.CLOSED, closed_for="b")
    assert decided([model("b"), model("a", waiting=1)], [closed]) == [Reopen("a-1")]
    elsewhere = place("b", stage=Stage.LOADING, memory=on(6, "other"))
    assert decided(
        [waited_for("b"), model("a", waiting=1)], [closed, elsewhere], Device("gpu", 10), Device("other", 8)
    ) == [Reopen("a-1")]


def test_a_place_that_an_order_has_closed_leaves_after_its_jobs() -> None:
    assert decided([model("a")], [busy("a", stage=Stage.CLOSED)]) == []
    assert decided([model("a")], [place("a", stage=Stage.CLOSED)]) == [Unload("a-1", "")]


def test_the_least_served_users_go_first_and_those_who_waited_far_too_long_before_them() -> None:
    models = [waited_for("a", 20.0, claim=50.0), waited_for("b", 10.0, claim=5.0)]
    assert decided(models) == [LoadModel("b", on(6))]
    models[0] = waited_for("a", 3 * PATIENT, claim=50.0)
    assert decided(models) == [LoadModel("a", on(6))]


def test_room_that_is_made_for_one_is_not_taken_by_another() -> None:
    """``a`` needs 8 of 10, and 4 are free while ``c`` leaves."""
    models = [waited_for("a", PATIENT, size=8), waited_for("b", size=4), model("c")]
    assert decided(models, [busy("c")]) == [Close("c-1", "a")]
    assert decided(models, [busy("c", stage=Stage.CLOSED, closed_for="a", stage_s=1.0)]) == []
    assert decided(models, [place("c", stage=Stage.LEAVING)]) == []


def test_idle_places_are_unloaded_after_their_time() -> None:
    assert decided([model("a", idle_unload_s=60.0)], [place("a", idle_s=59.0)]) == []
    assert decided([model("a", idle_unload_s=60.0)], [place("a", idle_s=61.0)]) == [Unload("a-1", "")]
    assert decided([model("a", idle_unload_s=0.0)], [place("a", idle_s=1e6, stage_s=1e6)]) == []
    assert decided([model("a", idle_unload_s=60.0)], [place("a", idle_s=61.0, stage_s=5.0)]) == []


BOTH = (on(6), on(6, "other"))
DEVICES = (Device("gpu", 10), Device("other", 10))


def crowded(**fields: Any) -> ModelView:
    return model("a", **{"waiting": 5, "oldest_wait_s": 8.0, "choices": BOTH, "ceiling": 2, **fields})


def test_a_long_queue_gets_a_second_worker_on_another_device() -> None:
    assert decided([crowded()], [busy("a")], *DEVICES) == [LoadModel("a", BOTH[1])]
    for less in (crowded(ceiling=1), crowded(waiting=1), crowded(oldest_wait_s=2.0), crowded(choices=BOTH[:1])):
        assert decided([less], [busy("a")], *DEVICES) == []


def test_a_queue_that_is_short_but_waits_past_the_patience_gets_a_second_worker() -> None:
    short = crowded(waiting=1, oldest_wait_s=PATIENT, slots=4)
    assert decided([short], [busy("a")], *DEVICES) == [LoadModel("a", BOTH[1])]
    assert decided([replace(short, waiting=0)], [busy("a")], *DEVICES) == []


@pytest.mark.parametrize(
    "neighbour",
    [
        busy("b", memory=on(2, "other")),
        place("b", memory=on(2, "other"), idle_s=1.0),
        place("b", memory=on(2, "other"), stage=Stage.LOADING),
    ],
    ids=["runs", "has just run", "loads"],
)
def test_a_second_worker_goes_to_no_device_that_another_model_uses(neighbour: PlaceView) -> None:
    models = [crowded(), model("b", 2)]
    assert decided(models, [busy("a"), neighbour], *DEVICES) == []
    idle = place("b", memory=on(2, "other"), idle_s=10.0)
    assert decided(models, [busy("a"), idle], *DEVICES) == [LoadModel("a", BOTH[1])]
    assert decided([crowded(), waited_for("b", 0.1, 2)], [busy("a"), idle], *DEVICES) == []


def test_a_second_worker_of_a_split_model_shares_no_device_with_the_first() -> None:
    devices = [Device(name, 10) for name in ("gpu0", "gpu1", "gpu2", "gpu3", "cpu")]
    pairs = tuple({first: 4, second: 4, "cpu": 6} for first, second in (("gpu0", "gpu1"), ("gpu1", "gpu2")))
    first = busy("a", memory={"gpu0": 4, "gpu1": 4, "cpu": 1})
    assert decided([crowded(choices=pairs)], [first], *devices) == []
    apart = {"gpu2": 4, "gpu3": 4, "cpu": 6}
    assert decided([crowded(choices=(*pairs, apart))], [first], *devices) == [LoadModel("a", apart)]


def test_a_second_worker_never_computes_beside_the_first_on_the_processor() -> None:
    on_cpu = on(2, "cpu")
    assert decided([crowded(choices=(on_cpu,))], [busy("a", memory=on_cpu)], Device("cpu", 10)) == []


def test_only_what_was_long_unused_leaves_for_a_second_worker() -> None:
    models = [crowded(), model("b")]
    other = place("b", memory=on(6, "other"), idle_s=30.0)
    assert decided(models, [busy("a"), other], *DEVICES) == []
    assert decided(models, [busy("a"), replace(other, idle_s=90.0)], *DEVICES) == [Unload("b-1", "")]


def test_a_second_worker_leaves_sooner_than_the_last() -> None:
    places = [
        place("a", idle_s=130.0, stage_s=500.0),
        replace(place("a", idle_s=140.0, stage_s=500.0), name="a-2", memory=on(6, "other")),
    ]
    assert decided([model("a", ceiling=2)], places, *DEVICES) == [Unload("a-2", "")]
    assert decided([model("a", ceiling=2, floor=2)], places, *DEVICES) == []
    assert decided([model("a", ceiling=2, pinned=True)], places, *DEVICES) == [Unload("a-2", "")]
    places[1] = replace(places[1], fixed=True)
    assert decided([model("a", ceiling=2, floor=1)], places, *DEVICES) == [Unload("a-1", "")]


def test_a_second_worker_in_use_finishes_and_leaves_for_a_model_without_any_before_the_patience() -> None:
    second = replace(busy("a", memory=on(6, "other")), name="a-2")
    models = [model("a", ceiling=2), waited_for("b", 1.0, choices=BOTH)]
    first = replace(busy("a"), stage_s=200.0, fixed=True)
    assert decided(models, [first, second], *DEVICES) == [Close("a-2", "b")]
    assert decided(models, [first, replace(second, stage_s=1.0)], *DEVICES) == []
    closed = replace(second, stage=Stage.CLOSED, closed_for="b")
    assert decided(models, [first, closed], *DEVICES) == []
    assert decided(models, [first, replace(closed, running=0)], *DEVICES) == [Unload("a-2", "")]


def test_a_place_that_loads_is_no_substitute_for_a_loaded_one() -> None:
    loading = replace(place("a", memory=on(6, "other"), stage=Stage.LOADING, idle_s=0.0), name="a-2")
    idle = place("a", idle_s=500.0, stage_s=500.0)
    assert decided([model("a", ceiling=2)], [idle, loading], *DEVICES) == []
    models = [model("a", ceiling=2, pinned=True), waited_for("b")]
    assert decided(models, [idle, loading], *DEVICES) == []


def test_each_unload_has_its_cause() -> None:
    def causes(models: Sequence[ModelView], places: Sequence[PlaceView], *devices: Device) -> list[UnloadCause]:
        return [action.cause for action in decide(seen(models, places, *devices)) if isinstance(action, Unload)]

    assert causes([waited_for("a"), model("b")], [place("b")]) == [UnloadCause.ROOM]
    assert causes([model("a", idle_unload_s=60.0)], [place("a", idle_s=61.0)]) == [UnloadCause.IDLE]
    old = place("a", idle_s=121.0, stage_s=500.0)
    twice = [old, replace(old, idle_s=130.0, name="a-2", memory=on(6, "other"))]
    assert causes([model("a", ceiling=2)], twice, *DEVICES) == [UnloadCause.SPARE]
    assert causes([model("a")], [place("a", stage=Stage.CLOSED)]) == [UnloadCause.ORDER]
