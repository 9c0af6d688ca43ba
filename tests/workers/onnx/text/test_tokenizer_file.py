"""Tokenizer files are untrusted: what is wrong with one is said in a line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.models.tokenizer_folders import added_token, letters_folder, write_json
from workers.engine import EngineLoadError
from workers.onnx.text import tokenizer_file
from workers.onnx.text.vocabulary import FolderVocabulary, read_vocabulary


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str | bytes], str]:
    """What is said of a tokenizer.json."""

    def reason(content: str | bytes) -> str:
        letters_folder(tmp_path)
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "tokenizer.json").write_bytes(data)
        with pytest.raises(EngineLoadError) as refusal:
            read_vocabulary(str(tmp_path))
        assert "\n" not in str(refusal.value)
        return str(refusal.value)

    return reason


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineLoadError, match=f"^{tmp_path.name}: expected a tokenizer.json, got none$"):
        read_vocabulary(str(tmp_path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tokenizer.json")
    with pytest.raises(EngineLoadError, match=r"tokenizer\.json: expected a file, got something else$"):
        read_vocabulary(str(tmp_path))


def test_other_forms_of_vocabularies_are_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").touch()
    (tmp_path / "vocab.json").touch()
    expected = (
        "expected a tokenizer.json, got only tokenizer.model, vocab.json; a tokenizer.json is made by transformers$"
    )
    with pytest.raises(EngineLoadError, match=expected):
        read_vocabulary(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "tokenizer.json: expected JSON, got a file with an error: Expecting value: line 1 column 1 (char 0)"),
        (b"\xff\xfe{}", "tokenizer.json: expected text in UTF-8, got other bytes"),
        ("[" * 100_000, "tokenizer.json: expected JSON, got values that are nested too deeply"),
        ("[]", "tokenizer.json: expected a JSON object, got a value of another type"),
        ("{}", "tokenizer.json: expected byte-level or SentencePiece tokens, got other tokens"),
        (
            '{"model": {"type": "WordPiece"}}',
            "tokenizer.json: expected byte-level or SentencePiece tokens, got tokens of the kind WordPiece",
        ),
        (
            '{"decoder": {"type": "ByteLevel"}, "added_tokens": [{"id": -1, "content": "a"}]}',
            "tokenizer.json: added_tokens: expected a list of tokens with content and id, got other values",
        ),
    ],
)
def test_a_damaged_file_is_one_line(refused: Callable[[str | bytes], str], content: str | bytes, reason: str) -> None:
    assert refused(content) == reason


def test_what_the_package_cannot_read_is_one_line(refused: Callable[[str | bytes], str]) -> None:
    reason = refused('{"model": {"type": "BPE", "vocab": 1}, "decoder": {"type": "ByteLevel"}}')
    assert reason.startswith("tokenizer.json: ")


def test_damage_that_shows_in_use_is_one_line(tmp_path: Path) -> None:
    """The package reads a model without a token for what it does not know, and fails at the first such text."""
    pieces = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
    model = {"type": "Unigram", "unk_id": None, "vocab": [["<end>", 0.0], ["a", -1.0], ["\u2581", -1.0]]}
    added = [added_token(0, "<end>")]
    folder = letters_folder(tmp_path, model=model, pre_tokenizer=pieces, decoder=pieces, added_tokens=added)
    with pytest.raises(
        EngineLoadError, match=r"^tokenizer\.json: expected a tokenizer, got damaged files: Encountered"
    ):
        read_vocabulary(str(folder))


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_file, "MAX_TOKENIZER_BYTES", 1000)
    with pytest.raises(EngineLoadError, match=r"tokenizer\.json: expected at most 1000 bytes, got more$"):
        read_vocabulary(str(letters_folder(tmp_path)))


def test_a_vocabulary_without_tokens_is_refused(tmp_path: Path) -> None:
    model = {"type": "BPE", "vocab": {}, "merges": []}
    with pytest.raises(EngineLoadError, match=r"^tokenizer\.json: expected tokens, got none$"):
        read_vocabulary(str(letters_folder(tmp_path, model=model, added_tokens=[])))


def test_ids_beyond_the_logits_are_refused_unless_they_were_added(tmp_path: Path) -> None:
    folder = letters_folder(tmp_path)
    added = [added_token(0, "<end>"), added_token(98, "<pad>")]
    letters_folder(folder, added_tokens=added)
    write_json(folder / "genai_config.json", {"model": {"eos_token_id": 0, "vocab_size": 98}})
    vocabulary = read_vocabulary(str(folder))
    assert vocabulary.size == 98
    assert not vocabulary.is_special("<pad>")
    assert len(vocabulary.tokenize("<pad>", add_special=False, parse_special=True)) == 5
    write_json(folder / "genai_config.json", {"model": {"eos_token_id": 0, "vocab_size": 97}})
    with pytest.raises(EngineLoadError, match=r"expected token ids below the model's vocab_size 97, got 97$"):
        read_vocabulary(str(folder))


@pytest.mark.parametrize("size", [10**12, 0, -5])
def test_an_absurd_number_of_tokens_is_refused(tmp_path: Path, size: int) -> None:
    folder = letters_folder(tmp_path)
    write_json(folder / "genai_config.json", {"model": {"eos_token_id": 0, "vocab_size": size}})
    with pytest.raises(EngineLoadError, match="vocab_size"):
        read_vocabulary(str(folder))


def test_added_tokens_must_have_the_ids_that_they_get(tmp_path: Path) -> None:
    """The package numbers them itself: an embedding of another token would be used."""
    added = [added_token(0, "<end>"), added_token(200, "<far>")]
    with pytest.raises(
        EngineLoadError, match=r"^tokenizer\.json: added_tokens: expected the id 98 for '<far>', got 200$"
    ):
        read_vocabulary(str(letters_folder(tmp_path, added_tokens=added)))


def test_a_damaged_file_beside_it_is_named(tmp_path: Path) -> None:
    folder = letters_folder(tmp_path)
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(EngineLoadError, match=r"tokenizer_config\.json: expected JSON, got"):
        read_vocabulary(str(folder))


def test_a_model_without_an_end_is_refused(tmp_path: Path) -> None:
    folder = letters_folder(tmp_path)
    (folder / "genai_config.json").unlink()
    with pytest.raises(
        EngineLoadError, match=r"^generation_config\.json: expected an eos_token_id of the tokenizer\.json, got none$"
    ):
        read_vocabulary(str(folder))


def test_texts_are_neither_cut_nor_filled_up(tmp_path: Path) -> None:
    """Some files still have the settings of the model's training."""
    truncation = {"max_length": 2, "direction": "Right", "strategy": "LongestFirst", "stride": 0}
    padding = {
        "strategy": {"Fixed": 9},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<end>",
    }
    vocabulary: FolderVocabulary = read_vocabulary(
        str(letters_folder(tmp_path, truncation=truncation, padding=padding))
    )
    assert vocabulary.detokenize(vocabulary.tokenize("four", add_special=True, parse_special=True)) == "four"
