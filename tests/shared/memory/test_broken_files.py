"""Estimates of damaged files and of folders that hold no model: figures all the same, and no errors."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.engines.registry import ENGINES
from shared.gguf.header import GGUFHeader
from shared.gguf.tensors import TensorInfo
from shared.kinds import JobKind
from shared.memory.estimate import estimate
from shared.memory.fitting import DoesNotFit
from shared.memory.measured import MeasuredMemory
from shared.memory.placement import place_text
from shared.memory.shape import shape_of
from shared.memory.start.plan import StartDevice, plan_start
from shared.memory.start.worker import StartWorker
from shared.settings import ModelSettings
from tests.support.models.gguf_builder import build_gguf

KEYS = (
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.shared_kv_layers",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_used_count",
    "ssm.conv_kernel",
    "ssm.inner_size",
    "wkv.head_size",
)
NAMES = (
    "attn_k.weight",
    "attn_kv_a_mqa.weight",
    "attn_qkv.weight",
    "attn_v.weight",
    "ffn_up_exps.weight",
    "ssm_a",
    "time_mix_key.weight",
)


def settings_of(engine: str, path: Path, **options: int) -> ModelSettings:
    return ModelSettings.model_validate(
        {"name": "m", "kinds": (JobKind.TEXT,), "engine": engine, "path": str(path), **options}
    )


@pytest.mark.parametrize("engine", [engine.name for engine in ENGINES] + ["another"])
@pytest.mark.parametrize("gpus", [0, 1])
def test_no_file_raises(engine: str, gpus: int, tmp_path: Path) -> None:
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"GGUF" + b"\xff" * 100)
    broken = tmp_path / "m.safetensors"
    broken.write_bytes((50).to_bytes(8, "little") + b"{" * 50)
    deep = tmp_path / "deep.safetensors"
    deep.write_bytes((200_000).to_bytes(8, "little") + b"[" * 200_000)
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (junk, broken, deep, empty, tmp_path / "missing", tmp_path / "m-00001-of-99999.gguf", Path("\0")):
        found = estimate(settings_of(engine, path), gpus)
        assert found.total_bytes > 0


def test_a_damaged_file_counts_by_its_size_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(build_gguf()[:-1] + b"\0" * 0)
    found = estimate(settings_of("llama", file))
    assert found.weights_bytes >= file.stat().st_size
    assert "truncated" in found.notes[0]


scalars = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(), st.booleans(), st.text(max_size=5))
tensors = st.builds(
    TensorInfo,
    st.one_of(
        st.builds("blk.{}.{}".format, st.integers(0, 10**7), st.sampled_from(NAMES)),
        st.sampled_from(["token_embd.weight", "output.weight", "rope_freqs.weight"]),
        st.text(max_size=10),
    ),
    st.lists(st.integers(0, 2**63 - 1), max_size=4).map(tuple),
    st.integers(0, 50),
    st.just(0),
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(KEYS), scalars), st.lists(tensors, max_size=20), st.integers(0, 3))
def test_no_header_raises(keys: dict[str, int | str | float | bool], found: list[TensorInfo], gpus: int) -> None:
    metadata = {f"llama.{name}": value for name, value in keys.items()}
    header = GGUFHeader(Path("m.gguf"), 3, "little", "llama", metadata, {}, tuple(found), 0, 0)
    model = settings_of("llama", Path("m.gguf"), gpus=max(1, gpus), n_cpu_moe=2)
    placed = place_text(shape_of([header]), model, gpus)
    assert placed.host_bytes > 0
    assert len(placed.device_bytes) == gpus


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(KEYS), scalars), st.lists(tensors, max_size=20), st.sampled_from([0, -1, 4096]))
def test_no_header_stops_the_start_with_another_error(
    keys: dict[str, int | str | float | bool], found: list[TensorInfo], context_tokens: int
) -> None:
    metadata = {f"llama.{name}": value for name, value in keys.items()}
    shape = shape_of([GGUFHeader(Path("m.gguf"), 3, "little", "llama", metadata, {}, tuple(found), 0, 0)])
    model = settings_of("llama", Path("m.gguf"), context_tokens=context_tokens)
    devices = [StartDevice(name, 10**10, 10**10, 2 * 10**10) for name in ("cpu", "cuda:0")]
    for gpus in ((), ("cuda:0",)):
        worker = StartWorker("m/0", model, gpus)
        worker.__dict__["shape"] = shape  # as if it were read
        with contextlib.suppress(DoesNotFit):
            plan = plan_start([worker], devices, MeasuredMemory())
            assert plan.places["m/0"].model.context_tokens < 1 << 24


def test_a_header_with_more_layers_than_any_model_is_refused() -> None:
    found = tuple(TensorInfo(f"blk.{layer}.attn_k.weight", (8, 8), 0, 0) for layer in range(3000))
    with pytest.raises(ValueError, match="expected at most 2048 layers, got 3000"):
        shape_of([GGUFHeader(Path("m.gguf"), 3, "little", "llama", {}, {}, found, 0, 0)])
