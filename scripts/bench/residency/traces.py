"""The traces of the comparison."""

from __future__ import annotations

import random
from itertools import accumulate

from router.jobs.residency.plan import Device
from scripts.bench.residency.trace import GIB, Question, SimulatedUser, Trace, TraceModel

HOUR_S = 3600.0


def one_device(gib: float) -> tuple[Device, ...]:
    return (Device("cuda:0", int(gib * GIB)),)


def model(name: str, gib: float, load_s: float, slots: int = 4) -> TraceModel:
    return TraceModel(name, ({"cuda:0": int(gib * GIB)},), load_s=load_s, slots=slots)


def alternating() -> Trace:
    """Two users, one request after the other, each for a model of their own; the device holds one of the two."""
    users = tuple(SimulatedUser(name, (Question(name, 3.0, think_s=0.5),) * 60) for name in ("a", "b"))
    return Trace("two users alternating", one_device(10), (model("a", 8, 5.0), model("b", 8, 5.0)), users)


def nightly() -> Trace:
    """A batch of 2,000 requests, and four users who now and then chat with another model for some turns."""
    draw = random.Random(1)
    batch = SimulatedUser("batch", (Question("batch", 8.0),) * 2000, lanes=16)
    chatting = []
    for number in range(4):
        turns: list[Question] = []
        for _ in range(4):
            pause_s = draw.uniform(300, 900)
            turns += [Question("chat", draw.uniform(2, 6), think_s=draw.uniform(5, 20) + pause_s * (turn == 0))
                      for turn in range(6)]  # fmt: skip
        chatting.append(SimulatedUser(f"user {number}", tuple(turns)))
    models = (model("batch", 14, 12.0, slots=8), model("chat", 8, 6.0))
    return Trace("chat and a nightly batch", one_device(20), models, (batch, *chatting))


def zipf() -> Trace:
    """Ten models of 2 to 8 GiB, asked for by Zipf's law for an hour; the device holds 24 GiB."""
    draw = random.Random(2)
    sizes_gib = (4, 8, 2, 7, 5, 3, 8, 6, 2, 7)
    models = tuple(model(f"m{rank}", gib, 1 + 0.7 * gib) for rank, gib in enumerate(sizes_gib, 1))
    names = [one.name for one in models]
    weights = list(accumulate(1 / rank for rank in range(1, 11)))
    users: list[SimulatedUser] = []
    at_s = 0.0
    while at_s < HOUR_S:
        at_s += draw.expovariate(1 / 6.0)
        chosen = draw.choices(names, cum_weights=weights)[0]
        turns = tuple(
            Question(chosen, draw.uniform(1, 6), think_s=draw.uniform(1, 8)) for _ in range(draw.randint(1, 4))
        )
        users.append(SimulatedUser(f"user {len(users)}", turns, at_s))
    return Trace("ten models, Zipf", one_device(24), models, tuple(users))
