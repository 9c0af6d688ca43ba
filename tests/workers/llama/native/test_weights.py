"""What llama.cpp is told about the weights. Without a GPU here, it is handed over but changes nothing."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import llama_cpp
import pytest

from shared.settings.placement import LlamaCppOptions
from tests.support.models.small_experts import LAYERS, small_experts
from workers.engine import EngineLoadError
from workers.llama.native import model as model_module
from workers.llama.native.model import LlamaModel
from workers.llama.native.weights import BufferOverride, WeightParams, experts_on_cpu
from workers.text.model import DecoderSize


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_experts().write(tmp_path_factory.mktemp("experts") / "experts.gguf")


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """llama.cpp says that it can use a GPU, but finds none."""
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: True)


@pytest.mark.parametrize("layers", [1, 2, 9, 10, 11, 20, 27, 99, 100, 101, 230, 1000])
def test_the_first_layers_are_matched_and_no_others(layers: int) -> None:
    pattern = re.compile(experts_on_cpu(LlamaCppOptions(n_cpu_moe=layers)))
    for part in ("ffn_up_exps.weight", "ffn_gate_exps.weight", "ffn_gate_up_exps.weight", "ffn_down_chexps.weight"):
        matched = [layer for layer in range(1200) if pattern.search(f"blk.{layer}.{part}")]
        assert matched == list(range(layers))


def test_only_experts_are_matched() -> None:
    pattern = re.compile(experts_on_cpu(LlamaCppOptions(cpu_moe=True)))
    assert pattern.search("blk.47.ffn_down_exps.bias")
    for name in ("ffn_gate_inp.weight", "ffn_up_shexp.weight", "ffn_up.weight", "attn_q.weight", "exp_probs_b.bias"):
        assert not pattern.search(f"blk.0.{name}")
    assert experts_on_cpu(LlamaCppOptions()) == ""


@pytest.mark.parametrize(
    ("no_mmap", "mlock", "name"), [(0, 0, "auto"), (0, 1, "mmap+mlock"), (1, 0, "none"), (1, 1, "mlock")]
)
def test_how_the_file_is_read(no_mmap: bool, mlock: bool, name: str) -> None:
    params = WeightParams(LlamaCppOptions(no_mmap=no_mmap, mlock=mlock), has_gpu=False).native
    assert llama_cpp.llama_load_mode_name(params.load_mode).decode() == name


def test_repacked_weights_are_not_mapped_too() -> None:
    for repacks, mode in ((True, "none"), (False, "auto")):
        params = WeightParams(LlamaCppOptions(), has_gpu=False, repacks=repacks).native
        assert (params.use_extra_bufts, llama_cpp.llama_load_mode_name(params.load_mode).decode()) == (repacks, mode)


def test_shares_modes_and_overrides_are_handed_over() -> None:
    options = LlamaCppOptions(gpus=2, split_mode="row", tensor_split=(3, 1), gpu_layers=20, cpu_moe=True)
    params = WeightParams(options, has_gpu=True)
    native = params.native
    assert (native.split_mode, native.n_gpu_layers) == (llama_cpp.LLAMA_SPLIT_MODE_ROW, 20)
    assert native.tensor_split[:3] == [3, 1, 0]
    override = BufferOverride.from_address(native.tensor_buft_overrides)
    assert override.pattern == rb"\.ffn_(gate|up|down|gate_up)_(ch)?exps"
    assert override.buffer_type


def test_without_a_gpu_nothing_is_overridden() -> None:
    params = WeightParams(LlamaCppOptions(cpu_moe=True), has_gpu=False)
    assert (params.native.n_gpu_layers, params.native.tensor_buft_overrides) == (0, None)


@pytest.mark.parametrize(
    ("options", "told"), [({"n_cpu_moe": 2}, "2 layers"), ({"cpu_moe": True}, f"{LAYERS} layers"), ({}, None)]
)
@pytest.mark.usefixtures("a_gpu")
def test_llama_cpp_puts_the_experts_of_these_layers_on_the_cpu(
    experts: Path, caplog: pytest.LogCaptureFixture, options: dict[str, int], told: str | None
) -> None:
    caplog.set_level(logging.INFO)
    model = LlamaModel(str(experts), LlamaCppOptions.model_validate(options), lambda fraction: None)
    try:
        model.open_decoder(DecoderSize(256, 1, 256, 64, 2)).close()
    finally:
        model.close()
    (line,) = (record for record in caplog.records if record.message == "model loaded")
    assert getattr(line, "experts_on_cpu", None) == told


@pytest.mark.usefixtures("a_gpu")
def test_fewer_gpus_than_asked_for_are_a_load_error(monkeypatch: pytest.MonkeyPatch, experts: Path) -> None:
    none = "none, as llama.cpp finds no GPU here"
    for names, found in (([], none), (["CUDA0", "CUDA1"], "at most 2, as many as llama.cpp finds")):
        monkeypatch.setattr(model_module, "gpu_names", lambda names=names: names)
        with pytest.raises(EngineLoadError, match=f"^gpus: expected {found}, got 3$"):
            LlamaModel(str(experts), LlamaCppOptions(gpus=3), lambda fraction: None)
