"""Models with random weights have another file's vocabulary, and generate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.make_gguf import make_gguf
from scripts.make_gguf.__main__ import main
from scripts.make_gguf.vocabulary import read_vocabulary
from scripts.make_gguf.weights import NEVER, token_biases
from shared.settings.placement import LlamaCppOptions
from tests.support.models.gguf_builder import build_gguf
from tests.support.models.spm_vocabulary import spm_gguf
from workers.llama.native.model import LlamaModel

TEMPLATE = "<think>{{ messages[0].content }}<|stop|>"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "vocabulary.gguf"
    path.write_bytes(spm_gguf(["<|stop|>", "<|unused|>"], ["<think>"]))
    return path


def test_llama_cpp_loads_the_model_with_its_vocabulary_and_template(source: Path, tmp_path: Path) -> None:
    make_gguf(tmp_path / "model.gguf", source, TEMPLATE, added=["<|call|>", "</think>", "<think>"], end="<|stop|>")
    model = LlamaModel(str(tmp_path / "model.gguf"), LlamaCppOptions(gpu_layers=0), lambda fraction: None)
    try:
        vocabulary = model.vocabulary
        assert vocabulary.size == len(read_vocabulary(source).texts) + 2
        assert vocabulary.special_token("</think>") == vocabulary.size - 1
        assert {"<|call|>", "</think>"} & vocabulary.special_texts().control == {"<|call|>"}
        assert vocabulary.special_token("<|stop|>") in vocabulary.eog
        assert vocabulary.eos in vocabulary.eog
        assert vocabulary.tokenize("hello", add_special=False, parse_special=False)
        assert model.trained_tokens == 4096
    finally:
        model.close()
    assert read_vocabulary(tmp_path / "model.gguf").template == TEMPLATE


def test_the_same_seed_gives_the_same_file(source: Path, tmp_path: Path) -> None:
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_gguf(tmp_path / name, source, seed=seed)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1] != made[2]


def test_only_special_tokens_of_the_template_are_likely(source: Path) -> None:
    vocabulary = read_vocabulary(source).with_template(TEMPLATE).with_end("<|stop|>")
    bias = dict(zip(vocabulary.texts, token_biases(vocabulary).tolist(), strict=True))
    assert bias["<think>"] > bias["a"] > bias["<|unused|>"] == NEVER
    assert bias["<|stop|>"] > bias["a"]
    assert 0.9 < sum(np.exp(list(bias.values()))) < 1.1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--vocabulary", "vocabulary.gguf", "--end", "<|nothing|>"], "expected a token of the vocabulary"),
        (["--vocabulary", "empty.gguf"], "expected a vocabulary, got none"),
        (["--vocabulary", "text"], "expected a little-endian GGUF file"),
        (["--vocabulary", "missing"], "No such file"),
    ],
)
def test_a_wrong_source_is_one_line(
    source: Path, tmp_path: Path, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.gguf").write_bytes(build_gguf())
    (tmp_path / "text").write_text("hello, I am no model")
    words = [str(tmp_path / word) if index == 1 else word for index, word in enumerate(words)]
    assert main([str(tmp_path / "out.gguf"), *words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not (tmp_path / "out.gguf").exists()
