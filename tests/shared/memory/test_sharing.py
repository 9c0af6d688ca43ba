"""Models that are loaded at the start have room beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.gguf.header import GGUFHeader, Scalar
from shared.gguf.tensors import TensorInfo
from shared.kinds import JobKind
from shared.memory import estimate, fitting
from shared.memory.fitting import DeviceMemory, fit
from shared.memory.shape import shape_of
from shared.memory.sharing import fit_together
from shared.settings import ModelSettings

GB = 1000**3


@pytest.fixture(autouse=True)
def long_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each path is a model of 1 GB that was trained for 131,072 tokens with 128 KiB each: 17 GB."""
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


def budgets(**sizes: int) -> dict[str, DeviceMemory]:
    names = {name.replace("cuda", "cuda:"): size * GB for name, size in sizes.items()}
    return {name: DeviceMemory(name, size, size) for name, size in names.items()}


def test_two_models_share_what_they_leave() -> None:
    room = budgets(cpu=24)
    alone = fit(model("a"), room)[0]
    together = fit_together([model("a"), model("b")], room).places
    taken = [together[name][0].memory["cpu"] for name in "ab"]
    assert taken[0] == taken[1] < alone.memory["cpu"]
    assert sum(taken) <= room["cpu"].budget_bytes
    assert together["a"][0].model.context_tokens >= 8192


def test_workers_of_one_model_share_too() -> None:
    room = budgets(cpu=24)
    found = fit_together([model("a", workers=3)], room).places["a"][0]
    assert 3 * found.memory["cpu"] <= room["cpu"].budget_bytes


def test_models_on_demand_may_take_all() -> None:
    room = budgets(cpu=24)
    found = fit_together([model("a"), model("b", load="demand")], room).places
    assert found["b"][0].memory == fit(model("b"), room)[0].memory


def test_models_spread_over_gpus() -> None:
    room = budgets(cpu=64, cuda0=24, cuda1=24)
    found = fit_together([model("a"), model("b")], room).places
    assert found["a"][0].memory["cuda:0"] > 10 * GB


def test_models_that_do_not_fit_beside_each_other_are_fitted_alone() -> None:
    found = fit_together([model("a"), model("b"), model("c", context_tokens=131_072)], budgets(cpu=3))
    assert set(found.places) == {"a", "b"}
    assert str(found.problems["c"]).startswith("c: needs about")
