"""Steps and slices take turns; neither waits for more than one of the other."""

from __future__ import annotations

import itertools
import threading
import time
from types import SimpleNamespace

import pytest

from workers.text.media import turns as module
from workers.text.media.turns import ComputingTurns


def test_steps_and_slices_alternate_as_long_as_both_want_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHORTEST_S", 0.0)
    monkeypatch.setattr(module, "LONGEST_S", 0.0)
    turns, order = ComputingTurns(), list[str]()
    stepping = threading.Event()

    def encode() -> None:
        with turns.slices():
            for _ in range(200):
                order.append("node")
                stepping.wait(20)
                turns.give_way()

    thread = threading.Thread(target=encode)
    with turns.step():
        thread.start()
    stepping.set()
    while thread.is_alive():
        with turns.step():
            order.append("step")
    thread.join()
    nodes = [place for place, what in enumerate(order) if what == "node"]
    assert len(nodes) == 200
    assert not any(first == second == "step" for first, second in itertools.pairwise(order[nodes[0] : nodes[-1]]))


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


def test_the_wait_for_a_slice_is_no_part_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(module, "time", clock)
    turns = ComputingTurns()
    began, may_end = threading.Event(), threading.Event()

    def encode() -> None:
        with turns.slices():
            began.set()
            assert may_end.wait(20)
            clock.now += 5.0

    def compute() -> None:
        with turns.step():
            clock.now += 2.0

    threads = [threading.Thread(target=encode), threading.Thread(target=compute)]
    threads[0].start()
    assert began.wait(20)
    threads[1].start()
    while not turns._step_waits:
        time.sleep(0.001)
    may_end.set()
    for thread in threads:
        thread.join()
    assert turns.waited_s == 5.0
