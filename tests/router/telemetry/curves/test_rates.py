"""Rates, from the totals in heartbeats."""

from __future__ import annotations

import msgspec

from router.telemetry.curves.rates import TokenRates, WorkerRates
from shared.wire.messages import EngineStats, Heartbeat
from shared.wire.supervision import WorkerState


def beat(at_s: float, generated: int, prompt: int = 0, cached: int = 0, name: str = "smol/0") -> Heartbeat:
    return Heartbeat(
        worker_id=f"id of {name}",
        worker_name=name,
        model=name.partition("/")[0],
        pid=1,
        device="cpu",
        state=WorkerState.READY,
        loading=1.0,
        slots=1,
        context_tokens=1,
        memory_bytes=1,
        busy_s=0.0,
        stats=EngineStats(generated_tokens=generated, prompt_tokens=prompt, cached_tokens=cached),
        sent_at_s=at_s,
    )


def test_rates_are_of_the_time_between_the_heartbeats() -> None:
    """Not between the looks at them: a heartbeat may be half a second old."""
    rates = WorkerRates()
    assert rates.take([beat(10.0, 100, 1000)]) == {}
    assert rates.take([beat(12.5, 150, 1100, 50)]) == {"smol": TokenRates(20.0, 20.0)}


def test_the_workers_of_a_model_are_added_up_and_models_told_apart() -> None:
    rates = WorkerRates()
    names = ("smol/0", "smol/1", "big/0")
    rates.take([beat(10.0, 0, name=name) for name in names])
    found = rates.take([beat(12.0, 10 * at, name=name) for at, name in enumerate(names, 1)])
    assert found == {"smol": TokenRates(15.0, 0.0), "big": TokenRates(15.0, 0.0)}


def test_a_worker_that_is_silent_or_new_counts_as_nothing() -> None:
    rates = WorkerRates()
    rates.take([beat(10.0, 100)])
    assert rates.take([beat(10.0, 100), beat(11.0, 500, name="smol/1")]) == {}


def test_a_worker_that_began_anew_does_not_count_backwards() -> None:
    rates = WorkerRates()
    rates.take([beat(10.0, 100)])
    again = msgspec.structs.replace(beat(11.0, 5), worker_id="another")
    assert rates.take([again]) == {}
    assert rates.take([msgspec.structs.replace(beat(12.0, 8), worker_id="another")]) == {"smol": TokenRates(3.0, 0.0)}
