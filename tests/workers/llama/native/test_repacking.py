"""Which models get repacked weights, and that they compute the same."""

from __future__ import annotations

import ctypes
import logging
from dataclasses import replace
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

from shared.gguf.ggml_types import GGML_TYPES
from shared.gguf.tensors import TensorInfo
from shared.settings.placement import LlamaCppOptions
from tests.support.models.small_experts import small_experts
from workers.llama.native import repacking
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.llama.native.repacking import Use, by_weights, choose, features
from workers.text.model import BatchSlice, DecoderSize

TYPES = {layout.name: number for number, layout in GGML_TYPES.items()}
PLENTY = 1 << 50
READS = Use(answers=False)
ZEN4 = {"AVX2": True, "AVX512": True, "REPACK": True}


def matrices(*kinds: str, rows: int = 1024, name: str = "ffn_up.weight") -> list[TensorInfo]:
    return [TensorInfo(f"blk.{layer}.{name}", (1024, rows), TYPES[kind], 0) for layer, kind in enumerate(kinds)]


@pytest.fixture(scope="module")
def q4_0(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with experts, quantized by llama.cpp."""
    folder = tmp_path_factory.mktemp("repacking")
    source, out = small_experts().write(folder / "floats.gguf"), folder / "q4_0.gguf"
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0, 2
    assert llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(params)) == 0
    return out


def test_this_build_of_llama_cpp_repacks_and_has_no_amx() -> None:
    found = features()
    assert found["REPACK"]
    assert not found.get("AMX_INT8")


@pytest.mark.parametrize(
    ("kinds", "answers", "reads"),
    [
        (("Q4_0", "Q6_K"), True, True),
        (("IQ4_NL",), True, True),
        (("Q4_K", "Q6_K"), True, False),
        (("Q8_0", "Q4_1", "Q5_K", "F16"), False, False),
        (("Q4_K", *["Q6_K"] * 12), False, False),
    ],
)
def test_the_types_of_the_weights_decide(kinds: tuple[str, ...], answers: bool, reads: bool) -> None:
    assert by_weights(matrices(*kinds), Use(), PLENTY).is_on is answers
    assert by_weights(matrices(*kinds), READS, PLENTY).is_on is reads


def test_the_reason_names_the_types_and_their_share() -> None:
    assert str(by_weights(matrices("Q4_K", "Q4_0", "Q4_K"), Use(), PLENTY)) == "on: 100% of the weights are Q4_K/Q4_0"


@pytest.mark.parametrize("tensors", [matrices("Q4_0", rows=1020), matrices("Q4_0", name="x")[:0]])
def test_matrices_that_llama_cpp_leaves_as_they_are_do_not_count(tensors: list[TensorInfo]) -> None:
    assert not by_weights(tensors, Use(), PLENTY).is_on


def test_embeddings_that_are_only_looked_up_do_not_count() -> None:
    embedded = TensorInfo("token_embd.weight", (1024, 50_000), TYPES["Q4_0"], 0)
    assert not by_weights([embedded, *matrices("Q8_0")], Use(), PLENTY).is_on


def test_experts_in_k_quants_stay_as_they_are() -> None:
    experts = TensorInfo("blk.0.ffn_up_exps.weight", (1024, 1024, 8), TYPES["Q4_K"], 0)
    assert not by_weights([experts, *matrices("Q4_K", "Q4_K")], Use(), PLENTY).is_on
    assert by_weights([replace(experts, ggml_type=TYPES["Q4_0"])], Use(), PLENTY).is_on


def test_each_worker_needs_room_for_its_copy() -> None:
    tensors = matrices("Q4_0", "Q4_0")
    size = sum(tensor.size_bytes or 0 for tensor in tensors)
    assert by_weights(tensors, Use(workers=1), 2 * size).is_on
    lacking = by_weights(tensors, Use(workers=2), 2 * size)
    assert str(lacking) == "off: too little free memory for copies of the weights"


@pytest.mark.parametrize(
    ("build", "options", "has_gpu", "told"),
    [
        (ZEN4 | {"AMX_INT8": True}, {}, False, "AMX"),
        ({"AVX2": True}, {}, False, "cannot do it"),
        ({"REPACK": True, "AVX": True}, {}, False, "cannot do it"),
        (ZEN4, {}, True, "a GPU computes"),
        (ZEN4, {"mlock": True}, False, "locked"),
        (ZEN4, {"repack": "off"}, False, "repack=off"),
    ],
)
def test_what_speaks_against_it(
    monkeypatch: pytest.MonkeyPatch,
    q4_0: Path,
    build: dict[str, bool],
    options: dict[str, object],
    has_gpu: bool,
    told: str,
) -> None:
    monkeypatch.setattr(repacking, "features", lambda: build)
    found = choose(str(q4_0), LlamaCppOptions.model_validate(options), Use(), has_gpu, PLENTY)
    assert not found.is_on
    assert told in found.reason


def test_the_operator_may_insist(monkeypatch: pytest.MonkeyPatch, q4_0: Path) -> None:
    monkeypatch.setattr(repacking, "features", lambda: ZEN4 | {"AMX_INT8": True})
    assert choose(str(q4_0), LlamaCppOptions(repack="on"), Use(), False, 0).is_on


def test_a_file_that_cannot_be_read_is_left_to_llama_cpp(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\3")
    for path in (broken, tmp_path / "missing.gguf"):
        assert str(choose(str(path), LlamaCppOptions(), Use(), False, PLENTY)) == "off: the file cannot be read"


def test_repacked_weights_compute_the_same_and_the_log_says_so(q4_0: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logits = {}
    for repack in ("off", "on"):
        model = LlamaModel(str(q4_0), LlamaCppOptions(repack=repack), lambda fraction: None)
        try:
            decoder = model.open_decoder(DecoderSize(256, 2, 256, 64, 2))
            assert isinstance(decoder, LlamaContext)
            prompt = decoder.decode([BatchSlice(0, 0, [*range(1000, 1040)], 1)]).copy()
            following = decoder.decode([BatchSlice(0, 40, [1040], 1)]).copy()
            logits[repack] = np.concatenate([prompt, following])
            decoder.close()
        finally:
            model.close()
    spread = float(np.std(logits["off"]))
    assert np.abs(logits["off"] - logits["on"]).max() < 0.05 * spread  # the products are summed in another order
    off, on = (record for record in caplog.records if record.message == "model loaded")
    assert (vars(off)["repack"], "CPU_REPACK" in vars(off)["weights"]) == ("off: repack=off", False)
    assert vars(on)["repack"] == "on: repack=on"
    assert "CPU_REPACK" in vars(on)["weights"]
