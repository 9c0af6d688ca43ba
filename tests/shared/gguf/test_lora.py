"""Adapters are checked before llama.cpp loads them: most of these files would take it down, or be wrong in silence."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from shared.gguf.header import read_gguf_header
from shared.gguf.lora import AdapterError, check_adapter
from shared.gguf.reader import GGUFError
from tests.support.models.gguf_builder import Value, build_gguf

Tensors = list[tuple[str, tuple[int, ...]]]

GOOD: dict[str, Value] = {"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora"}
PAIR: Tensors = [("blk.0.w.lora_a", (8, 2)), ("blk.0.w.lora_b", (2, 4))]
EMBEDDING: Tensors = [("token_embd.weight.lora_a", (2, 16)), ("token_embd.weight.lora_b", (2, 8))]
TIED: Tensors = [
    ("token_embd.weight", (8, 16)),
    ("blk.0.w", (8, 4)),
    ("blk.0.experts", (8, 4, 3)),
    ("blk.0.attn_norm.weight", (8,)),
]
UNTIED: Tensors = [*TIED, ("output.weight", (8, 16))]


def check(folder: Path, tensors: Tensors, metadata: dict[str, Value] | None = None, model: Tensors = UNTIED) -> None:
    (folder / "model.gguf").write_bytes(build_gguf(tensors=model))
    (folder / "lora.gguf").write_bytes(build_gguf(GOOD if metadata is None else metadata, tensors))
    check_adapter(folder / "lora.gguf", [read_gguf_header(folder / "model.gguf")])


@pytest.mark.parametrize(
    "tensors",
    [
        PAIR,
        EMBEDDING,
        [*PAIR, ("blk.0.attn_norm.weight", (8,))],
        [("blk.0.experts.lora_a", (8, 2, 3)), ("blk.0.experts.lora_b", (2, 4, 3))],
    ],
)
def test_adapters_that_fit_are_taken(tmp_path: Path, tensors: Tensors) -> None:
    check(tmp_path, tensors)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"general.type": "model"}, "general.type 'adapter', as its model needs it, got 'model'"),
        ({"adapter.type": "control_vector"}, "adapter.type 'lora', as its model needs it, got 'control_vector'"),
        ({"general.architecture": "qwen2"}, "general.architecture 'llama', as its model needs it, got 'qwen2'"),
        ({"adapter.alora.invocation_tokens": [1, 2]}, "applies to all tokens, got one with adapter.alora"),
    ],
)
def test_files_that_are_no_adapters_of_the_model_are_refused(
    tmp_path: Path, changed: dict[str, Value], problem: str
) -> None:
    with pytest.raises(AdapterError, match=problem):
        check(tmp_path, PAIR, GOOD | changed)


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ([], "expected tensors, got none"),
        (PAIR[:1], r"expected blk\.0\.w\.lora_a and \.lora_b, got only one"),
        ([("blk.0.w", (8, 4))], r"expected a name that ends in \.lora_a or \.lora_b"),
        ([("blk.9.w.lora_a", (8, 2)), ("blk.9.w.lora_b", (2, 4))], "which the model does not have"),
        ([("blk.0.w.lora_a", (9, 2)), ("blk.0.w.lora_b", (2, 4))], "expected shapes that fit"),
        ([("blk.0.w.lora_a", (8, 2)), ("blk.0.w.lora_b", (3, 4))], "expected shapes that fit"),
        ([("blk.0.w.lora_a", (8, 2, 3)), ("blk.0.w.lora_b", (2, 4, 3))], "expected shapes that fit"),
        ([("blk.0.w.lora_a", (8,)), ("blk.0.w.lora_b", (2, 4))], "expected 2 or 3 dimensions"),
        ([("blk.0.w.lora_a", (8, 0)), ("blk.0.w.lora_b", (0, 4))], "expected 2 or 3 dimensions"),
        ([(EMBEDDING[0][0], (3, 16)), EMBEDDING[1]], "expected shapes that fit"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path: Path, tensors: Tensors, problem: str) -> None:
    with pytest.raises(AdapterError, match=problem) as caught:
        check(tmp_path, tensors)
    assert "\n" not in str(caught.value)


def test_an_embedding_that_is_the_output_too_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"expected no token_embd\.weight, which is the model's output too"):
        check(tmp_path, EMBEDDING, model=TIED)


@pytest.mark.parametrize(("ggml_type", "name"), [(28, "F64"), (26, "I32"), (15, "Q8_K"), (999, "type 999")])
def test_types_that_llama_cpp_does_not_compute_with_are_refused(tmp_path: Path, ggml_type: int, name: str) -> None:
    tensors: Tensors = [("blk.0.w.lora_a", (256, 2)), ("blk.0.w.lora_b", (2, 4))]
    data = build_gguf(GOOD, tensors, data=b"\0" * 16384)
    entry = data.index(b"blk.0.w.lora_a") + len("blk.0.w.lora_a") + 4 + 16
    (tmp_path / "lora.gguf").write_bytes(data[:entry] + struct.pack("<I", ggml_type) + data[entry + 4 :])
    (tmp_path / "model.gguf").write_bytes(build_gguf(tensors=[("blk.0.w", (256, 4))]))
    with pytest.raises(AdapterError, match=f"expected one of F32, F16, BF16, Q8_0, got {name}"):
        check_adapter(tmp_path / "lora.gguf", [read_gguf_header(tmp_path / "model.gguf")])


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(build_gguf(tensors=UNTIED))
    (tmp_path / "lora.gguf").write_bytes(build_gguf(GOOD, PAIR)[:-20])
    with pytest.raises(GGUFError, match="truncated"):
        check_adapter(tmp_path / "lora.gguf", [read_gguf_header(tmp_path / "model.gguf")])
