"""Steps and slices take turns; neither waits for more than one of the other."""

from __future__ import annotations

import itertools
import threading
import time
from types import SimpleNamespace

import pytest

from workers.text.media import turns as module
from workers.text.media.turns import ComputingTurns


class Clock(SimpleNamespace):
    """A clock that only the test moves."""

    def __init__(self) -> None:
        super().__init__(now=0.0)

    def monotonic(self) -> float:
        return float(self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def computed(turns: ComputingTurns, clock: Clock, node_s: float, step_s: float, streams: bool = True) -> list[str]:
    """What is computed in which order, if the encoder computes 100 nodes and the loop always wants a step."""
    order = list[str]()
    stepping = threading.Event()

    def encode() -> None:
        with turns.slices():
            stepping.wait(20)
            for _ in range(100):
                while not turns._step_waits:
                    time.sleep(0.001)
                order.append("node")
                clock.now += node_s
                turns.give_way()
        order.append("end")

    thread = threading.Thread(target=encode)
    with turns.step():
        thread.start()
        clock.now += step_s
    stepping.set()
    while "end" not in order:
        with turns.step(is_for_streams=streams):
            order.append("step")
            clock.now += step_s
    thread.join()
    return order[: order.index("end")]


@pytest.mark.parametrize(("node_s", "step_s"), [(0.01, 0.01), (0.03, 0.01), (0.01, 0.03), (0.02, 0.03)])
def test_steps_and_slices_have_half_of_the_time_each(clock: Clock, node_s: float, step_s: float) -> None:
    order = computed(ComputingTurns(), clock, node_s, step_s)
    steps_s, nodes_s = order.count("step") * step_s, order.count("node") * node_s
    assert steps_s == pytest.approx(nodes_s, rel=0.1, abs=0.1)
    nodes = max(len(list(group)) for what, group in itertools.groupby(order) if what == "node")
    assert (nodes - 1) * node_s <= step_s + 1e-9


def test_steps_for_a_picture_alone_lengthen_no_slice(clock: Clock) -> None:
    order = computed(ComputingTurns(), clock, 0.01, 0.3, streams=False)
    _, *slices = [len(list(group)) for what, group in itertools.groupby(order) if what == "node"]
    assert set(slices) == {1}  # the first one is as long as the step for streams before it


def test_a_step_alone_never_waits() -> None:
    turns = ComputingTurns()
    for _ in range(3):
        with turns.step():
            pass


def test_a_slice_goes_on_while_no_step_waits() -> None:
    turns = ComputingTurns()
    with turns.slices():
        for _ in range(3):
            turns.give_way()
    with turns.step():
        pass
