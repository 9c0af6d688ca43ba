"""Properties of the policy of residency over random traces in simulated time."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from router.jobs.residency.plan import Action, Close, Device, LoadModel, Residency, ResidencyRules, Stage, Unload
from router.jobs.residency.policy import OVERDUE_PATIENCES, decide
from scripts.bench.residency.naive import by_count
from scripts.bench.residency.simulator import TICK_S, Simulation
from scripts.bench.residency.trace import Faults, Question, SimulatedUser, Trace, TraceModel
from scripts.bench.residency.traces import alternating, nightly, zipf

CHUNKS, TRACES = 8, 200


class Referee:
    """Asks the policy, and checks each of its actions against what it saw."""

    def decide(self, seen: Residency) -> list[Action]:
        actions = decide(seen)
        self._check_memory(seen, actions)
        self._check_leavers(seen, actions)
        self._check_seconds(seen, actions)
        for action in actions:
            if isinstance(action, Close):
                self._check_close(seen, action)
            elif isinstance(action, Unload):
                self._check_unload(seen, action)
        return actions

    def _check_seconds(self, seen: Residency, actions: list[Action]) -> None:
        """Another worker of a model is loaded where nobody computes, and only what is idle leaves for it."""
        for model in seen.models:
            own = [place for place in seen.places if place.model == model.name]
            used = {device for place in seen.places if place in own or place.running for device in place.memory}
            for action in actions if own else ():
                if isinstance(action, LoadModel) and action.model == model.name:
                    assert not used & set(action.memory)
                if isinstance(action, Unload) and f"for {model.name}" in action.reason:
                    assert next(place.running == 0 for place in seen.places if place.name == action.place)

    def _check_memory(self, seen: Residency, actions: list[Action]) -> None:
        used = Counter[str]()
        for memory in [place.memory for place in seen.places] + [
            action.memory for action in actions if isinstance(action, LoadModel)
        ]:
            used.update(memory)
        assert all(used[device.name] <= device.budget_bytes for device in seen.devices)
        loading = Counter(place.model for place in seen.places)
        loading.update(action.model for action in actions if isinstance(action, LoadModel))
        for model in seen.models:
            assert loading[model.name] <= max(model.ceiling, model.floor)

    def _check_leavers(self, seen: Residency, actions: list[Action]) -> None:
        sent = [action.place for action in actions if isinstance(action, Close | Unload)]
        assert len(sent) == len(set(sent))
        leaving = Counter(place.model for place in seen.places if place.name in sent)
        staying = Counter(
            place.model for place in seen.places if place.stage is not Stage.LEAVING and place.name not in sent
        )
        assert not any(place.fixed for place in seen.places if place.name in sent)
        for model in seen.models:
            if leaving[model.name]:
                assert staying[model.name] >= max(model.floor, int(model.pinned))

    def _check_close(self, seen: Residency, action: Close) -> None:
        """Others without any worker have waited past the patience, or the model has more; it was there for its time."""
        place = next(place for place in seen.places if place.name == action.place)
        other = next(model for model in seen.models if model.name == action.for_model)
        own = [one for one in seen.places if one.model == place.model and one.stage is not Stage.LEAVING]
        assert place.stage is Stage.READY
        assert not place.fixed
        assert other.name not in {one.model for one in seen.places}
        assert other.oldest_wait_s >= seen.rules.swap_patience_s or len(own) > 1
        assert place.stage_s >= seen.rules.min_stay_s

    def _check_unload(self, seen: Residency, action: Unload) -> None:
        """With jobs only after what runs has had the patience once more."""
        place = next(place for place in seen.places if place.name == action.place)
        assert place.stage in (Stage.READY, Stage.CLOSED)
        if place.running:
            assert place.stage is Stage.CLOSED
            assert place.stage_s >= seen.rules.swap_patience_s
            assert any(model.oldest_wait_s >= seen.rules.swap_patience_s for model in seen.models)


def random_trace(seed: int) -> Trace:
    """A few models on one to three devices, users who come and go, failing loads and dying workers."""
    draw = random.Random(seed)
    devices = tuple(Device(f"gpu{number}", draw.randint(8, 24)) for number in range(draw.choice((1, 1, 1, 2, 3))))
    models: list[TraceModel] = []
    kept = Counter[str]()
    for number in range(draw.randint(2, 6)):
        size = draw.randint(1, 8)
        choices: list[dict[str, int]] = [{device.name: size} for device in devices]
        if len(devices) > 1 and draw.random() < 0.3:
            choices.append({devices[0].name: size // 2 + 1, devices[1].name: size // 2 + 1})
        draw.shuffle(choices)
        # What stays for ever leaves room for the largest of the others.
        stays = draw.random() < 0.15 and all(kept[device.name] + size + 8 <= device.budget_bytes for device in devices)
        if stays:
            kept.update({device.name: size for device in devices})
        models.append(
            TraceModel(
                f"m{number}",
                tuple(choices),
                load_s=draw.choice((0.3, 1.0, 4.0, 12.0)),
                unload_s=draw.choice((0.1, 0.5, 2.0)),
                slots=draw.choice((1, 2, 4)),
                pinned=stays and draw.random() < 0.5,
                floor=int(stays and draw.random() < 0.5),
                ceiling=draw.choice((1, 1, len(devices))),
                idle_unload_s=draw.choice((0.0, 20.0, 900.0)),
            )
        )
    users = tuple(random_user(draw, number, models) for number in range(draw.randint(2, 5)))
    rules = ResidencyRules(
        swap_patience_s=draw.choice((1.0, 4.0, 10.0)),
        min_stay_s=draw.choice((0.5, 2.0, 5.0)),
        extra_worker_wait_s=draw.choice((0.5, 5.0)),
        extra_worker_idle_s=draw.choice((5.0, 120.0)),
    )
    faults = Faults(
        draw.choice((0.0, 0.0, 0.2)), tuple(draw.uniform(1, 60) for _ in range(draw.choice((0, 0, 2)))), seed=seed
    )
    return Trace(f"random {seed}", devices, tuple(models), users, rules, faults)


def random_user(draw: random.Random, number: int, models: list[TraceModel]) -> SimulatedUser:
    faithful = draw.choice(models) if draw.random() < 0.7 else None
    longest_s = draw.choice((0.5, 3.0, 3.0, 30.0))
    questions = tuple(
        Question(
            (faithful or draw.choice(models)).name, draw.uniform(0.1, longest_s), draw.choice((0.0, 0.1, 1.0, 10.0))
        )
        for _ in range(draw.randint(1, 8))
    )
    return SimulatedUser(f"user {number}", questions, draw.uniform(0, 20), lanes=draw.choice((1, 1, 3)))


def longest_wait_s(trace: Trace) -> float:
    """A bound for how long a model is waited for: its own patience, then a turn of each other model before it.

    A turn is an unload, a load with its failures, the stay, and the patience for what runs.
    """
    patience_s = trace.rules.swap_patience_s
    slowest = max(model.load_s + model.unload_s for model in trace.models)
    stay_s = max(trace.rules.min_stay_s, patience_s)
    turn_s = slowest + stay_s + patience_s + 4 * TICK_S
    if trace.faults.failing_loads or trace.faults.deaths_at_s:
        turn_s += 4 * (slowest + trace.faults.retry_s)
    return OVERDUE_PATIENCES * patience_s + len(trace.models) * turn_s


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_request_is_served_within_bounds(chunk: int) -> None:
    for seed in range(chunk * TRACES, (chunk + 1) * TRACES):
        trace = random_trace(seed)
        served = Simulation(trace, Referee().decide).run()
        assert len(served.waits_s) == sum(len(user.questions) for user in trace.users), trace.name
        assert max(served.first_worker_waits_s, default=0.0) <= longest_wait_s(trace), trace.name


@pytest.mark.parametrize("seed", range(20))
def test_the_same_view_gives_the_same_actions(seed: int) -> None:
    def decide_twice(seen: Residency) -> list[Action]:
        shuffled = replace(seen, models=seen.models[::-1], places=seen.places[::-1])
        actions = decide(seen)
        assert sorted(map(repr, decide(shuffled))) == sorted(map(repr, actions))
        return actions

    Simulation(random_trace(seed), decide_twice).run()


def full_of_work(seed: int, load_s: float, patience_s: float) -> Trace:
    """Models that exclude each other, each with users whose next requests follow at once."""
    draw = random.Random(seed)
    models = tuple(TraceModel(f"m{n}", ({"gpu": 6},), load_s, slots=2) for n in range(draw.randint(2, 4)))
    users = tuple(
        SimulatedUser(f"user {n}", (Question(draw.choice(models).name, draw.uniform(0.2, 4.0)),) * 60)
        for n in range(2 * len(models))
    )
    return Trace(f"full {seed}", (Device("gpu", 10),), models, users, ResidencyRules(patience_s, min_stay_s=5.0))


@pytest.mark.parametrize("patience_s", [10.0, 30.0])
@pytest.mark.parametrize("load_s", [1.0, 8.0])
def test_swaps_a_minute_are_bounded_while_all_have_work(load_s: float, patience_s: float) -> None:
    """Each stay is about as long as the load at least, and ends sooner only when a model's users have all they want."""
    for seed in range(10):
        trace = full_of_work(seed, load_s, patience_s)
        served = Simulation(trace, decide).run()
        stay_s = max(trace.rules.min_stay_s, min(load_s, patience_s))
        ends = len(trace.users)
        assert served.loads <= ends + 1 + served.total_s / (load_s + stay_s)


def test_two_alternating_users_share_a_device_in_half_the_time_of_a_swap_a_request() -> None:
    ours = Simulation(alternating(), Referee().decide).run()
    naive = Simulation(alternating(), by_count(1)).run()
    assert ours.total_s <= 0.5 * naive.total_s
    assert max(ours.waits_s) <= 45.0  # the patience, what runs, the unload and the load


@pytest.mark.parametrize("trace", [nightly(), zipf()], ids=lambda trace: trace.name)
def test_no_trace_is_served_worse_than_by_count(trace: Trace) -> None:
    ours = Simulation(trace, Referee().decide).run()
    largest = max(size for model in trace.models for size in model.choices[0].values())
    naive = Simulation(trace, by_count(trace.devices[0].budget_bytes // largest)).run()
    assert ours.total_s <= naive.total_s
    assert ours.mean_wait_s <= naive.mean_wait_s
    assert ours.loads < naive.loads


def test_a_second_worker_shortens_a_long_queue() -> None:
    devices = (Device("gpu0", 10), Device("gpu1", 10))
    crowd = SimulatedUser("crowd", (Question("a", 5.0),) * 60, lanes=8)

    def served(ceiling: int) -> float:
        models = (TraceModel("a", ({"gpu0": 8}, {"gpu1": 8}), slots=2, ceiling=ceiling),)
        return Simulation(Trace("crowd", devices, models, (crowd,)), Referee().decide).run().total_s

    assert served(2) < 0.65 * served(1)


def test_a_model_of_the_start_gets_a_second_worker_and_loses_it_again() -> None:
    devices = (Device("gpu0", 10), Device("gpu1", 10))
    models = (TraceModel("a", ({"gpu0": 8}, {"gpu1": 8}), slots=2, floor=1, ceiling=2),)
    crowd = SimulatedUser("crowd", (Question("a", 5.0),) * 60, lanes=8)
    later = SimulatedUser("later", (Question("a", 1.0),), first_at_s=1000.0)
    places: list[tuple[float, int]] = []

    def watched(seen: Residency) -> list[Action]:
        places.append((simulation.now_s, len(seen.places)))
        return Referee().decide(seen)

    simulation = Simulation(Trace("crowd", devices, models, (crowd, later)), watched)
    simulation.run()
    assert max(count for _, count in places) == 2
    assert {count for now_s, count in places if now_s > 500.0} == {1}
