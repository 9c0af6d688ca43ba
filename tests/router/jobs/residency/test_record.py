"""What has become of models."""

from __future__ import annotations

from router.jobs.residency.plan import UnloadCause
from router.jobs.residency.record import ResidencyRecord


def test_orders_are_counted_and_the_last_cause_is_kept() -> None:
    record = ResidencyRecord()
    record.load("a")
    record.load("a")
    record.unload("a", UnloadCause.IDLE)
    record.unload("a", UnloadCause.ROOM)
    assert record.loads["a"] == 2
    assert (record.unloads["a", UnloadCause.IDLE], record.unloads["a", UnloadCause.ROOM]) == (1, 1)
    assert record.last_unload == {"a": UnloadCause.ROOM}


def test_models_that_are_gone_are_forgotten() -> None:
    record = ResidencyRecord()
    for model in ("a", "b"):
        record.load(model)
        record.unload(model, UnloadCause.GONE)
    record.keep_only({"b"})
    assert dict(record.loads) == {"b": 1}
    assert dict(record.unloads) == {("b", UnloadCause.GONE): 1}
    assert record.last_unload == {"b": UnloadCause.GONE}
