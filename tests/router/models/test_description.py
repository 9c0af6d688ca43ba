from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from router.models.description import ModelDescription, describe_file
from tests.support.models.gguf_builder import build_gguf

METADATA: dict[str, Any] = {
    "general.architecture": "qwen3",
    "general.name": "Tiny",
    "general.license": "apache-2.0",
    "general.file_type": 15,
    "qwen3.context_length": 4096,
    "qwen3.embedding_length": 64,
    "tokenizer.chat_template": "{% if enable_thinking %}<think>{% endif %}",
    "tokenizer.ggml.tokens": ["a", "b"],
}
TENSORS = (("token_embd.weight", (64, 100)), ("blk.0.weight", (64, 64)))


def described(folder: Path, name: str = "tiny.gguf", **metadata: Any) -> ModelDescription:
    file = folder / name
    file.write_bytes(build_gguf({**METADATA, **metadata}, TENSORS))
    return describe_file("tiny", str(file))


def test_a_header_says_what_a_model_is(tmp_path: Path) -> None:
    known = described(tmp_path)
    assert (known.format, known.family, known.quantization, known.licence) == ("gguf", "qwen3", "Q4_K_M", "apache-2.0")
    assert (known.parameters, known.context_tokens, known.embedding_length) == (64 * 164, 4096, 64)
    assert (known.template, known.thinks, known.fills_in) == (METADATA["tokenizer.chat_template"], True, None)
    assert known.size_bytes == (tmp_path / "tiny.gguf").stat().st_size
    assert known.info["general.name"] == "Tiny"
    assert "tokenizer.chat_template" not in known.info
    assert known.arrays == {"tokenizer.ggml.tokens": 2}


@pytest.mark.parametrize(
    ("template", "thinks"),
    [("{{ messages }}", False), ("<think>", True), ("{{ m.reasoning_content }}", True), ("", None)],
)
def test_the_template_tells_whether_a_model_thinks(tmp_path: Path, template: str, thinks: bool | None) -> None:
    assert described(tmp_path, **{"tokenizer.chat_template": template}).thinks is thinks


def test_tokens_for_filling_in_tell_that_it_can(tmp_path: Path) -> None:
    for key in ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"):
        token: dict[str, Any] = {key: 1}
        assert described(tmp_path, **token).fills_in


def test_what_the_authors_recommend_is_read_and_nonsense_left_out(tmp_path: Path) -> None:
    given: Any = {"general.sampling.temp": 0.6, "general.sampling.top_k": 20, "general.sampling.top_p": "high"}
    assert described(tmp_path, **given).sampling == {"temperature": 0.6, "top_k": 20}


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("mirostat", 2, {"mirostat": 2}),
        ("mirostat", 3, {}),
        ("penalty_last_n", 128, {"repeat_last_n": 128}),
        ("penalty_last_n", 2**40, {}),
        ("xtc_probability", 0.25, {"xtc_probability": 0.25}),
        ("mirostat_tau", math.inf, {}),
        ("temp", math.nan, {}),
    ],
)
def test_further_samplers_are_recommended_too(tmp_path: Path, key: str, value: float, found: dict[str, float]) -> None:
    given: Any = {f"general.sampling.{key}": value}
    assert described(tmp_path, **given).sampling == found


def test_equal_files_have_one_digest_and_others_another(tmp_path: Path) -> None:
    first = described(tmp_path, "a.gguf").digest
    assert first == described(tmp_path, "b.gguf").digest
    assert first != described(tmp_path, "c.gguf", **{"general.name": "Other"}).digest
    assert len(first) == 64


def test_a_quantization_that_the_header_lacks_is_in_the_name(tmp_path: Path) -> None:
    unheard_of: dict[str, Any] = {"general.file_type": 999}
    assert described(tmp_path, "m-UD-Q3_K_XL.gguf", **unheard_of).quantization == "UD-Q3_K_XL"
    assert described(tmp_path, "m.gguf", **unheard_of).quantization == "unknown"


def test_all_parts_of_a_split_file_count(tmp_path: Path) -> None:
    for part in (1, 2):
        (tmp_path / f"m-0000{part}-of-00002.gguf").write_bytes(build_gguf(METADATA, TENSORS))
    known = describe_file("m", str(tmp_path / "m-00001-of-00002.gguf"))
    assert known.parameters == 2 * 64 * 164
    assert known.size_bytes == sum(file.stat().st_size for file in tmp_path.iterdir())


def test_a_model_without_a_file_has_a_digest_too(tmp_path: Path) -> None:
    assert len(describe_file("echo", "").digest) == 64
    assert describe_file("folder", str(tmp_path)).format == ""
    with pytest.raises(OSError, match="gone"):
        describe_file("gone", str(tmp_path / "gone.gguf"))


def test_the_files_of_a_folder_are_its_size(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"12345")
    assert describe_file("all-minilm", str(tmp_path)).size_bytes == 7
