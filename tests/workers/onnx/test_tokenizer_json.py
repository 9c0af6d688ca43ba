"""What the package ``tokenizers`` makes of damaged files is one line, also where it panics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workers.engine import EngineLoadError
from workers.onnx import tokenizer_json
from workers.onnx.embedding.tokenizer import FolderTokenizer
from workers.onnx.images.prompts.tokens import ClipTokenizer
from workers.onnx.speech.tokenizer import WhisperTokenizer
from workers.onnx.text.vocabulary import read_vocabulary
from workers.onnx.tokenizer_json import open_tokenizer

MODEL = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
LETTERS = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
PANICS = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
OPENERS: dict[str, Callable[[Path], Any]] = {
    "text": lambda folder: read_vocabulary(str(folder)),
    "embedding": lambda folder: FolderTokenizer(folder, None),
    "speech": lambda folder: WhisperTokenizer(folder / "tokenizer.json"),
    "images": ClipTokenizer,
}


def write_tokenizer(folder: Path, **parts: Any) -> None:
    described = {"version": "1.0", "model": MODEL, "decoder": LETTERS, **parts}
    (folder / "tokenizer.json").write_text(json.dumps(described))


@pytest.mark.parametrize("kind", OPENERS)
def test_a_panic_of_the_package_is_one_line(tmp_path: Path, kind: str) -> None:
    write_tokenizer(tmp_path, normalizer=PANICS)
    with pytest.raises(
        EngineLoadError, match=r"tokenizer\.json: expected a tokenizer, got damaged files: Precompiled: [^\n]+$"
    ):
        OPENERS[kind](tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_json, "MAX_TOKENIZER_BYTES", 100)
    write_tokenizer(tmp_path)
    with pytest.raises(EngineLoadError, match=r"tokenizer\.json: expected at most 100 bytes, got more$"):
        open_tokenizer(tmp_path / "tokenizer.json")


def test_texts_are_neither_cut_nor_filled_up(tmp_path: Path) -> None:
    padding = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0}
    truncation = {"max_length": 2, "direction": "Right", "strategy": "LongestFirst", "stride": 0}
    write_tokenizer(tmp_path, padding={**padding, "pad_type_id": 0, "pad_token": "a"}, truncation=truncation)
    assert open_tokenizer(tmp_path / "tokenizer.json").encode("aaa").ids == [0, 0, 0]
