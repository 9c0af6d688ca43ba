"""Where models may go, and which sizes they get there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.gguf.header import GGUFHeader, Scalar
from shared.gguf.tensors import TensorInfo
from shared.kinds import JobKind
from shared.memory import fitting
from shared.memory.fitting import DeviceMemory, DoesNotFit, FittedModel, fit
from shared.memory.shape import shape_of
from shared.settings import ModelSettings
from tests.support.weights import WEIGHTS

GB = 1000**3
F16 = 1


@pytest.fixture
def llama(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each path is a model with the shape of Llama 3.1 8B, in halves: 16 GB, trained for 131,072 tokens."""
    block = {
        "attn_q": (4096, 4096),
        "attn_k": (4096, 1024),
        "attn_v": (4096, 1024),
        "attn_output": (4096, 4096),
        "ffn_gate": (4096, 14336),
        "ffn_up": (4096, 14336),
        "ffn_down": (14336, 4096),
    }
    tensors = [
        TensorInfo(f"blk.{layer}.{name}.weight", dims, F16, 0) for layer in range(32) for name, dims in block.items()
    ]
    ends = [TensorInfo(name, (4096, 128_256), F16, 0) for name in ("token_embd.weight", "output.weight")]
    metadata: dict[str, Scalar] = {
        "llama.context_length": 131_072,
        "llama.embedding_length": 4096,
        "llama.attention.head_count": 32,
    }
    header = GGUFHeader(Path("m.gguf"), 3, "little", "llama", metadata, {}, (*tensors, *ends), 0, 0)
    shape = shape_of([header])
    monkeypatch.setattr(fitting, "read_shape", lambda path: shape)


def budgets(**sizes: float) -> dict[str, DeviceMemory]:
    names = {name.replace("cuda", "cuda:"): round(size * GB) for name, size in sizes.items()}
    return {name: DeviceMemory(name, size, size) for name, size in names.items()}


def model(engine: str = "llama", path: str = "m.gguf", **options: Any) -> ModelSettings:
    return ModelSettings.model_validate(
        {"name": "m", "kinds": (JobKind.TEXT,), "engine": engine, "path": path, "cache_bytes": 0, **options}
    )


def best(asked: ModelSettings, **sizes: float) -> FittedModel:
    return fit(asked, budgets(**sizes))[0]


def test_a_small_model_stays_as_it_is() -> None:
    found = best(model(path=str(WEIGHTS)), cpu=16)
    assert (found.model.context_tokens, found.model.kv_tokens) == (8192, 0)
    assert found.model.fitted == ("context of 8192 tokens, as trained",)
    assert set(found.memory) == {"cpu"}


@pytest.mark.usefixtures("llama")
def test_the_context_is_the_trained_one_where_two_fit() -> None:
    assert best(model(), cpu=64).model.context_tokens == 131_072


@pytest.mark.usefixtures("llama")
def test_else_it_is_the_largest_of_which_two_fit() -> None:
    found = best(model(), cpu=32)
    assert 8192 < found.model.context_tokens < 131_072
    assert found.model.context_tokens % 256 == 0
    largest = best(model(context_tokens=-1), cpu=32)
    assert largest.model.context_tokens == pytest.approx(2 * found.model.context_tokens, rel=0.1)
    assert largest.memory["cpu"] <= 32 * GB
    assert "the largest that fits cpu" in largest.model.fitted[0]


@pytest.mark.usefixtures("llama")
def test_a_tight_budget_makes_the_cache_smaller_before_it_refuses() -> None:
    roomy = best(model(context_tokens=2048), cpu=64)
    assert roomy.model.kv_tokens == 0
    tight = best(model(context_tokens=2048), cpu=roomy.memory["cpu"] / GB - 0.3)
    assert 2048 <= tight.model.kv_tokens < 8192
    assert "16 slots" in tight.model.fitted[0]


@pytest.mark.usefixtures("llama")
def test_a_gpu_that_is_too_small_gets_the_layers_that_it_can_hold() -> None:
    assert best(model(), cpu=64, cuda0=24).model.gpu_layers == -1
    found = best(model(), cpu=64, cuda0=10)
    assert 5 < found.model.gpu_layers < 20
    assert found.memory["cuda:0"] <= 10 * GB
    assert "of 33 layers fit cuda:0" in found.model.fitted[0]
    assert best(model(gpu_layers=found.model.gpu_layers + 1), cpu=64, cuda0=10).model.gpu_layers < 20
    assert set(best(model(), cpu=64, cuda0=0.5).memory) == {"cpu"}


@pytest.mark.usefixtures("llama")
def test_places_that_hold_the_whole_model_come_first() -> None:
    found = fit(model(), budgets(cpu=64, cuda0=10, cuda1=40, cuda2=24))
    assert [sorted(set(place.memory) - {"cpu"}) for place in found] == [["cuda:1"], ["cuda:2"], ["cuda:0"]]


@pytest.mark.usefixtures("llama")
def test_two_gpus_share_a_model() -> None:
    found = best(model(gpus=2, context_tokens=8192), cpu=64, cuda0=12, cuda1=12)
    assert found.model.gpu_layers == -1
    assert found.memory["cuda:0"] == found.memory["cuda:1"] < 12 * GB


@pytest.mark.usefixtures("llama")
def test_what_cannot_fit_says_so_with_figures_and_help() -> None:
    with pytest.raises(DoesNotFit) as caught:
        fit(model(context_tokens=131_072), budgets(cpu=16))
    message = str(caught.value)
    assert message.startswith("m: needs about 3")
    assert "weights 16.06 GB, KV cache 17.18 GB for 131072 tokens" in message
    assert "the budget is cpu 16.00 GB; a smaller --nctx" in message
    assert "\n" not in message


def test_other_models_fit_or_do_not(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\0" * 1000)
    speech = model("whisper", str(tmp_path))
    assert set(best(speech, cpu=1).memory) == {"cpu"}
    assert set(best(speech, cpu=1, cuda0=1).memory) == {"cpu", "cuda:0"}
    with pytest.raises(DoesNotFit, match="smaller model"):
        fit(speech, budgets(cpu=0.01))


def test_a_damaged_file_goes_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF" + b"\xff" * 1000)
    assert best(model(path=str(file)), cpu=1).model.fitted == ()


@pytest.mark.usefixtures("llama")
@settings(deadline=None, max_examples=100)
@given(
    cpu=st.floats(0, 100),
    gpus=st.lists(st.floats(0, 100), max_size=3),
    options=st.fixed_dictionaries(
        {},
        optional={
            "context_tokens": st.one_of(st.just(-1), st.integers(0, 300_000)),
            "gpu_layers": st.integers(-1, 40),
            "gpus": st.integers(1, 2),
            "slots": st.integers(1, 100),
        },
    ),
)
def test_nothing_is_planned_beyond_a_budget(cpu: float, gpus: list[float], options: dict[str, Any]) -> None:
    """Whatever is asked for; and what was fitted fits again as it is."""
    if options.get("gpu_layers") == 0:
        options["gpus"] = 1
    sizes = budgets(cpu=cpu, **{f"cuda{number}": size for number, size in enumerate(gpus)})
    try:
        found = fit(model(**options), sizes)
    except DoesNotFit:
        return
    for place in found:
        assert all(size <= sizes[device].budget_bytes for device, size in place.memory.items())
        assert place.model.context_tokens > 0
