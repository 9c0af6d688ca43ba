"""What operators and clients wish of models."""

from __future__ import annotations

import pytest

from router.jobs.residency.plan import PlaceView, Stage
from router.jobs.residency.wishes import AT_ONCE_S, Wishes
from tests.support.router.fake_broker import MODEL


def place(stage: Stage) -> PlaceView:
    return PlaceView("smol/0", "smol", {}, stage)


def test_an_order_to_load_holds_until_the_model_is_loaded() -> None:
    wishes = Wishes()
    wishes.load("smol")
    for stage in (Stage.LEAVING, Stage.LOADING):
        wishes.settle([place(stage)], lambda _: False)
        assert wishes.waiting_s("smol") is not None
    wishes.settle([place(Stage.READY)], lambda _: False)
    assert wishes.waiting_s("smol") is None


def test_a_failed_load_ends_the_order() -> None:
    wishes = Wishes()
    wishes.load("smol")
    wishes.load("big")
    wishes.settle([], lambda model: model == "smol")
    assert (wishes.waiting_s("smol"), wishes.waiting_s("big") is None) == (None, False)


@pytest.mark.parametrize(("given", "idle_s"), [(-1, 0.0), (0, AT_ONCE_S), (300.0, 300.0)])
def test_a_given_idle_time_holds_until_the_model_is_unloaded(given: float, idle_s: float) -> None:
    wishes, model = Wishes(), MODEL.model_copy(update={"idle_unload_s": 900.0})
    wishes.keep("smol", given)
    assert wishes.idle_unload_s(model) == idle_s
    wishes.forget("smol")
    assert wishes.idle_unload_s(model) == 900.0
