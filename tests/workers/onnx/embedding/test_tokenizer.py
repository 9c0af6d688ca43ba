"""Tokens by a tokenizer.json: of whole texts, and of pairs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.support.onnx.encoder_folders import APPLE, CLS, GREEN, RED, SEP, UNK, small_tokenizer
from workers.embedding.pairs import PairText
from workers.engine import EngineLoadError
from workers.onnx.embedding.pairs import TemplatedPairs
from workers.onnx.embedding.tokenizer import FolderTokenizer


@pytest.fixture
def tokenizer(tmp_path: Path) -> FolderTokenizer:
    small_tokenizer().save(str(tmp_path / "tokenizer.json"))
    return FolderTokenizer(tmp_path, None)


def test_a_text_is_neither_cut_nor_padded(tokenizer: FolderTokenizer) -> None:
    assert tokenizer.around == ([CLS], [SEP])
    assert tokenizer.tokenize("red green apple") == [RED, GREEN, APPLE]
    assert tokenizer.size == 8


def test_special_tokens_in_texts(tokenizer: FolderTokenizer) -> None:
    assert tokenizer.tokenize("red [SEP] blau") == [RED, SEP, UNK]
    assert SEP not in tokenizer.tokenize_plain("red [SEP] blau")
    assert tokenizer.tokenize_plain("red blau") == [RED, UNK]


def test_half_a_character_is_a_text_too(tokenizer: FolderTokenizer) -> None:
    assert tokenizer.tokenize("red \ud83d") == [RED, UNK]


def test_lower_case(tmp_path: Path) -> None:
    small_tokenizer().save(str(tmp_path / "tokenizer.json"))
    assert FolderTokenizer(tmp_path, 8, lowercases=True).tokenize("RED Apple") == [RED, APPLE]


def test_a_pair_has_the_types_of_the_tokenizers_template(tokenizer: FolderTokenizer) -> None:
    pairs = TemplatedPairs(tokenizer.pair_template())
    tokens = pairs.write(PairText([RED, GREEN]), PairText([APPLE]))
    whole = small_tokenizer()
    whole.no_truncation()
    whole.no_padding()
    expected = whole.encode("red green", "apple")
    assert tokens == expected.ids == [CLS, RED, GREEN, SEP, APPLE, SEP]
    assert pairs.types(tokens) == expected.type_ids == [0, 0, 0, 0, 1, 1]
    assert pairs.types(pairs.write(PairText([]), PairText([]))) == [0, 0, 1]


def test_a_pair_of_texts_with_two_tokens_between_them(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "a": 2, "b": 3, "?": 4}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    pairs = TemplatedPairs(FolderTokenizer(tmp_path, None).pair_template())
    tokens = pairs.write(PairText([2, 2]), PairText([3]))
    assert tokens == [0, 2, 2, 1, 1, 3, 1]
    assert pairs.types(tokens) == [0] * 7


def test_a_word_that_looks_like_a_divider_divides_nothing(tmp_path: Path) -> None:
    """Some vocabularies have their special tokens as words too."""
    tokenizer = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "a": 2, "b": 3, "?": 4}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert FolderTokenizer(tmp_path, None).tokenize_plain("a </s> </s> b") == [2, 3]


def test_texts_that_are_not_kept_apart_cannot_be_scored(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(EngineLoadError, match="expected a special token between the texts of a pair, got none"):
        FolderTokenizer(tmp_path, None).pair_template()


@pytest.mark.parametrize("content", ["", "{", '{"model": {"type": "No"}}'])
def test_a_damaged_tokenizer_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(EngineLoadError, match=r"^\S+tokenizer\.json: .+$"):
        FolderTokenizer(tmp_path, None)


def test_a_missing_tokenizer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EngineLoadError, match=r"tokenizer\.json: cannot be read: No such file"):
        FolderTokenizer(tmp_path, None)


def test_one_that_lacks_a_token_for_unknown_words_is_refused(tmp_path: Path) -> None:
    Tokenizer(models.WordLevel({"red": 0}, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(EngineLoadError, match=r"tokenizer\.json: expected a tokenizer, got damaged files: .*\[UNK\]"):
        FolderTokenizer(tmp_path, None)
