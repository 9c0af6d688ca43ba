"""Models that are loaded at the start are fitted together, and refused only where no device could hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.gguf.header import GGUFHeader, Scalar
from shared.gguf.tensors import TensorInfo
from shared.kinds import JobKind
from shared.memory import estimate, fitting
from shared.memory.fitting import DoesNotFit, FittedModel
from shared.memory.measured import MeasuredMemory
from shared.memory.shape import shape_of
from shared.memory.start.plan import StartDevice, StartPlan, plan_start
from shared.memory.start.worker import StartWorker
from shared.settings import ModelSettings

GB = 1000**3


@pytest.fixture(autouse=True)
def long_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each path is a model of 537 MB that was trained for 131,072 tokens with 128 KiB each: 17 GB."""
    tensors = [
        TensorInfo(f"blk.{layer}.attn_{name}.weight", (4096, 1024), 1, 0) for layer in range(32) for name in "kv"
    ]
    metadata: dict[str, Scalar] = {"llama.context_length": 131_072, "llama.embedding_length": 4096}
    shape = shape_of([GGUFHeader(Path("m.gguf"), 3, "little", "llama", metadata, {}, tuple(tensors), 0, 0)])
    for module in (fitting, estimate):
        monkeypatch.setattr(module, "read_shape", lambda path: shape)


def model(name: str, **options: Any) -> ModelSettings:
    given = {"name": name, "kinds": (JobKind.TEXT,), "engine": "llama", "path": "m.gguf", "cache_bytes": 0}
    return ModelSettings.model_validate(given | options)


def workers(*models: ModelSettings, gpus: tuple[tuple[str, ...], ...] = ()) -> list[StartWorker]:
    names = [(f"{each.name}/{number}", each) for each in models for number in range(each.workers)]
    return [
        StartWorker(name, each, gpus[number % len(gpus)] if gpus else ()) for number, (name, each) in enumerate(names)
    ]


def device(name: str, budget: float, free: float | None = None, limit: float | None = None) -> StartDevice:
    sizes = (budget, budget if free is None else free, 64 if limit is None else limit)
    return StartDevice(name, *(round(size * GB) for size in sizes))


def plan(found: list[StartWorker], *devices: StartDevice, measured: MeasuredMemory | None = None) -> StartPlan:
    return plan_start(found, devices, measured or MeasuredMemory())


def tokens(place: FittedModel) -> int:
    return place.model.context_tokens


def test_a_model_alone_gets_the_trained_length_if_two_such_requests_fit() -> None:
    assert tokens(plan(workers(model("a")), device("cpu", 40)).places["a/0"]) == 131_072
    shorter = plan(workers(model("a")), device("cpu", 24)).places["a/0"]
    assert 8192 < tokens(shorter) < 131_072
    assert "the largest of which two fit" in shorter.model.fitted[0]
    assert tokens(plan(workers(model("a", context_tokens=-1)), device("cpu", 24)).places["a/0"]) == 131_072


def test_two_models_share_what_they_leave_whatever_their_order() -> None:
    room = device("cpu", 40)
    found = plan(workers(model("a"), model("b")), room).places
    assert tokens(found["a/0"]) == tokens(found["b/0"]) < 131_072
    assert sum(place.memory["cpu"] for place in found.values()) <= room.budget_bytes
    assert plan(workers(model("b"), model("a")), room).places == found


def test_each_worker_of_a_model_counts() -> None:
    room = device("cpu", 40)
    found = plan(workers(model("a", workers=3)), room).places
    assert len({tokens(place) for place in found.values()}) == 1
    assert sum(place.memory["cpu"] for place in found.values()) <= room.budget_bytes


def test_workers_on_gpus_of_their_own_share_nothing_and_have_the_same_context() -> None:
    pair = workers(model("a", workers=2), gpus=(("cuda:0",), ("cuda:1",)))
    equal = plan(pair, device("cpu", 64), device("cuda:0", 40), device("cuda:1", 40)).places
    assert [tokens(place) for place in equal.values()] == [131_072, 131_072]
    unequal = plan(pair, device("cpu", 64), device("cuda:0", 40), device("cuda:1", 12)).places
    assert tokens(unequal["a/0"]) == tokens(unequal["a/1"]) < 131_072
    assert unequal["a/1"].memory["cuda:1"] <= 12 * GB


def test_a_small_gpu_gets_as_many_layers_as_fit() -> None:
    found = plan(workers(model("a"), gpus=(("cuda:0",),)), device("cpu", 64), device("cuda:0", 1.6)).places["a/0"]
    assert 0 < found.model.gpu_layers < 33
    assert found.memory["cuda:0"] <= 1.6 * GB


def test_the_usual_context_needs_no_margin() -> None:
    found = plan(workers(model("a")), device("cpu", 1.5, free=2.2)).places["a/0"]
    assert (tokens(found), found.model.fitted) == (0, ("context of 8192 tokens, the usual one",))


def test_a_model_without_room_is_loaded_with_a_warning_as_long_as_the_machine_could_hold_it() -> None:
    found = plan(workers(model("a"), model("b")), device("cpu", 0.5, limit=4))
    assert [tokens(place) for place in found.places.values()] == [0, 0]
    assert "a: needs about" in found.warnings[0]
    assert "what is free is cpu 500.0 MB" in found.warnings[0]
    assert "loaded all the same" in found.warnings[0]


def test_mapped_weights_are_no_reason_to_refuse_a_model() -> None:
    assert plan(workers(model("a")), device("cpu", 0.5, limit=0.6)).warnings
    with pytest.raises(DoesNotFit, match=r"a: needs about .* and all memory is .*no-mmap"):
        plan(workers(model("a", no_mmap=True)), device("cpu", 0.5, limit=0.6))
    with pytest.raises(DoesNotFit, match=r"a: needs about .* and all memory is .*repack on"):
        plan(workers(model("a", repack="on")), device("cpu", 0.5, limit=0.6))


def test_what_no_device_could_hold_is_refused_with_the_figures() -> None:
    with pytest.raises(DoesNotFit, match=r"a: needs about 1[0-9.]+ GB .* KV cache .* a smaller --nctx"):
        plan(workers(model("a", context_tokens=131_072)), device("cpu", 3, limit=8))


def test_models_that_are_too_many_together_are_refused_by_name() -> None:
    with pytest.raises(DoesNotFit, match=r"need at least .* of cpu together \(a .*, b .*\), and the budget is"):
        plan(workers(*(model(name, no_mmap=True) for name in "ab")), device("cpu", 1.5, limit=1.5))


def test_what_was_measured_counts_more_than_the_estimate() -> None:
    measured = MeasuredMemory()
    given = workers(model("a", context_tokens=8192, no_mmap=True))
    with pytest.raises(DoesNotFit):
        plan(given, device("cpu", 1.6, limit=1.6), measured=measured)
    measured.learn(given[0].unfitted, {"cpu": 1 * GB}, 1.0)
    assert plan(given, device("cpu", 1.6, limit=1.6), measured=measured).places["a/0"].memory["cpu"] < 1.7 * GB


def test_a_model_on_a_device_of_unknown_memory_stays_as_it_is() -> None:
    given = StartWorker("a/0", model("a"), is_fitted=False)
    assert plan([given], device("cpu", 0.1, limit=0.1)).places["a/0"].model.context_tokens == 0
