"""What tokenizer files of other makers have, and what untrusted texts may not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.wire.jobs import Constraint, ConstraintKind
from tests.support.models.tokenizer_folders import added_token, letters_folder, write_json
from workers.onnx.text.vocabulary import FolderVocabulary, read_vocabulary
from workers.text.constraints.compiler import GrammarCompiler

UNIGRAM: dict[str, Any] = {
    "model": {
        "type": "Unigram",
        "unk_id": 0,
        "byte_fallback": True,
        "vocab": [
            *(["<unk>", 0.0], ["</s>", 0.0], ["▁", -2.0], ["a", -3.0], ["▁a", -1.0]),
            *([letter, -4.0] for letter in "</s>"),
            *([f"<0x{byte:02X}>", -9.0] for byte in range(256)),
        ],
    },
    "added_tokens": [added_token(0, "<unk>"), added_token(1, "</s>")],
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
    "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
}


def vocabulary_of(folder: Path, settings: dict[str, Any] | None = None, **parts: Any) -> FolderVocabulary:
    letters_folder(folder, **parts)
    if settings is not None:
        write_json(folder / "tokenizer_config.json", settings)
    return read_vocabulary(str(folder))


def test_a_text_cannot_spell_a_control_token_that_is_among_the_ordinary_ones(tmp_path: Path) -> None:
    """Unigram models have ``</s>`` as a piece like any other."""
    vocabulary = vocabulary_of(tmp_path, **UNIGRAM)
    assert vocabulary.tokenize("a</s>a", add_special=False, parse_special=True).count(1) == 1
    for text in ("a</s>a", "</s>", "</s></s>a", "a </s> "):
        tokens = vocabulary.tokenize(text, add_special=False, parse_special=False)
        assert 1 not in tokens
        assert vocabulary.detokenize(tokens) == text
        assert vocabulary.tokenize_inner(text, parse_special=False).count(1) == 0


def test_a_text_cannot_spell_a_control_token_where_words_are_looked_up_whole(tmp_path: Path) -> None:
    """Llama 3's tokenizer takes a word that has a token, whatever its merges are."""
    letters_folder(tmp_path)
    texts = [*map(chr, range(0x21, 0x7F)), "Ġ", "Ċ", "stop!"]
    model = {
        "type": "BPE",
        "ignore_merges": True,
        "vocab": {text: token for token, text in enumerate(texts)},
        "merges": [],
    }
    letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    added = [added_token(96, "stop!")]
    vocabulary = vocabulary_of(tmp_path, {"eos_token": "stop!"}, model=model, added_tokens=added, pre_tokenizer=letters)
    assert vocabulary.tokenize("stop!", add_special=False, parse_special=True) == [96]
    assert len(vocabulary.tokenize("stop!", add_special=False, parse_special=False)) == 5


def test_user_defined_tokens_are_read_in_any_text(tmp_path: Path) -> None:
    vocabulary = vocabulary_of(tmp_path)
    assert vocabulary.tokenize("<think><end>", add_special=False, parse_special=False)[0] == 1
    assert vocabulary.special_texts().control == {"<end>"}
    assert vocabulary.special_texts().user_defined == {"<think>"}
    assert (vocabulary.piece(0), vocabulary.piece(0, special=True), vocabulary.piece(1)) == (b"", b"<end>", b"<think>")


@pytest.mark.parametrize("text", ["<|fim_middle|>", "<|x|>", "<\uff5ctool\uff5c>", "</s>", "<fim-prefix>"])
def test_tokens_that_look_like_control_are_control(tmp_path: Path, text: str) -> None:
    """As in Qwen's files, which mark these as text."""
    added = [added_token(0, "<end>"), added_token(98, text, special=False)]
    vocabulary = vocabulary_of(tmp_path, added_tokens=added)
    assert text in vocabulary.special_texts().control
    assert vocabulary.tokenize(text, add_special=False, parse_special=True) == [98]
    assert 98 not in vocabulary.tokenize(text, add_special=False, parse_special=False)


def test_channels_can_be_seen_but_not_written_by_users(tmp_path: Path) -> None:
    added = [
        added_token(0, "<end>"),
        *(added_token(98 + at, text) for at, text in enumerate(["<|channel|>", "<|call|>"])),
    ]
    vocabulary = vocabulary_of(tmp_path, added_tokens=added)
    assert vocabulary.special_texts().user_defined == {"<|channel|>"}
    assert vocabulary.piece(98) == b"<|channel|>"
    assert 98 not in vocabulary.tokenize("<|channel|>", add_special=False, parse_special=False)


def test_all_ends_that_are_named_or_known_end_an_answer(tmp_path: Path) -> None:
    names = ["<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|other|>"]
    added = [added_token(0, "<end>"), *(added_token(98 + at, text) for at, text in enumerate(names))]
    folder = letters_folder(tmp_path, added_tokens=added)
    write_json(folder / "genai_config.json", {"model": {"eos_token_id": [98, 0, 5000]}})
    write_json(folder / "generation_config.json", {"eos_token_id": 101})
    write_json(folder / "tokenizer_config.json", {"eos_token": {"content": "<|eom_id|>"}})
    vocabulary = read_vocabulary(str(folder))
    assert vocabulary.eog == {0, 98, 99, 100, 101}
    assert (vocabulary.eos, vocabulary.eos_text) == (99, "<|eom_id|>")
    assert vocabulary.grammar_tokenizer().eos_tokens == [99, 0, 98, 100, 101]


def test_a_message_of_several_is_not_the_end(tmp_path: Path) -> None:
    names = ["<|return|>", "<|call|>", "<|end|>"]
    added = [added_token(0, "<end>"), *(added_token(98 + at, text) for at, text in enumerate(names))]
    assert vocabulary_of(tmp_path, added_tokens=added).eog == {0, 98, 99}


def test_the_settings_say_whether_a_text_begins_with_a_token(tmp_path: Path) -> None:
    begin = {"SpecialToken": {"id": "<think>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    frame = {
        "type": "TemplateProcessing",
        "single": [begin, text],
        "pair": [begin, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<think>": {"id": "<think>", "ids": [1], "tokens": ["<think>"]}},
    }
    bos = {"bos_token": "<think>"}
    plain = vocabulary_of(tmp_path, bos)
    assert (plain.bos, plain.bos_text, plain.adds_bos) == (1, "<think>", False)
    framed = vocabulary_of(tmp_path, bos, post_processor=frame)
    assert framed.adds_bos
    assert framed.tokenize("!", add_special=True, parse_special=True) == [1, 2]
    assert framed.tokenize_pieces(["!", "!"], add_special=True) == [1, 2, 2]
    assert not vocabulary_of(tmp_path, bos | {"add_bos_token": False}, post_processor=frame).adds_bos
    both = vocabulary_of(tmp_path, bos | {"add_bos_token": True, "add_eos_token": True})
    assert both.tokenize("!", add_special=True, parse_special=True) == [1, 2, 0]


def test_ids_without_a_token_are_empty(tmp_path: Path) -> None:
    folder = letters_folder(tmp_path)
    write_json(folder / "genai_config.json", {"model": {"eos_token_id": 0, "vocab_size": 128}})
    vocabulary = read_vocabulary(str(folder))
    assert vocabulary.size == 128
    assert vocabulary.piece(127, special=True) == b""
    assert vocabulary.detokenize([2, 127, 2]) == "!!"
    constraint = GrammarCompiler(vocabulary).compile(Constraint(ConstraintKind.REGEX, "[a-z]+"))
    assert vocabulary.grammar_tokenizer().vocab_size == 128
    assert not constraint.allowed()[98:].any()


def test_the_tokens_to_fill_in_the_middle_are_found(tmp_path: Path) -> None:
    names = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]
    added = [added_token(0, "<end>"), *(added_token(98 + at, text, special=False) for at, text in enumerate(names))]
    assert vocabulary_of(tmp_path, added_tokens=added).infill == (98, 100, 99)


def test_half_of_a_surrogate_pair_is_a_question_mark(tmp_path: Path) -> None:
    vocabulary = vocabulary_of(tmp_path)
    assert vocabulary.detokenize(vocabulary.tokenize("a\ud83d", add_special=False, parse_special=False)) == "a?"


def test_forced_texts_are_spelt_as_they_are_demanded(tmp_path: Path) -> None:
    """Qwen's tokenizers compose characters: the tokens of ``e`` and an accent are those of ``é``."""
    letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    texts = ["<end>", "<think>", *map(chr, range(0x21, 0x7F)), "Ġ", "Ċ", "Ã", "©", "Ì", "ģ"]
    vocabulary = vocabulary_of(
        tmp_path,
        normalizer={"type": "NFC"},
        decoder=letters,
        model={"type": "BPE", "vocab": {text: token for token, text in enumerate(texts)}, "merges": []},
    )
    constraint = GrammarCompiler(vocabulary).compile(Constraint(ConstraintKind.REGEX, "cafe\u0301"))
    forced = constraint.forced()
    assert b"".join(map(vocabulary.piece, forced)).decode() == "cafe\u0301"


def test_a_file_in_the_folder_stands_for_it(tmp_path: Path) -> None:
    folder = letters_folder(tmp_path)
    assert read_vocabulary(str(folder / "model.onnx")).size == 98
