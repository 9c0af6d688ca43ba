"""A folder's vocabulary means exactly what llama.cpp's of the same model means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.wire.jobs import Constraint, ConstraintKind
from tests.support.models.spm_vocabulary import spm_gguf, spm_vocabulary
from tests.support.models.tokenizer_folders import folder_of_gguf
from workers.onnx.text.vocabulary import FolderVocabulary, read_vocabulary
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.vocabulary import Vocabulary

PARTS = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_", "|>", "<s>", "</s>", "<unk>", "[INST]", "<think>"),
    *("hello", " the", "The", "don't", "I'LL", "they've", "e\u0301", "ﬁ", "ß", "İ", "漢字", "ｆｕｌｌ", "▁", "<0x0A>"),  # noqa: RUF001
    *(" ", "  ", "     ", "\t", "\n", "\n\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\x00"),
    *("😀", "🇩🇪", "👨\u200d👩\u200d👧", "1", "12345", "3.14", "½", '{"a": [', "\\", "==", "...", "\ud83d"),
)


def is_known(character: str) -> bool:
    """Whether all versions of Unicode agree about it, and SmolLM2 has tokens for it.

    New digits and letters are split otherwise by newer versions. Around a byte without a token, as some control
    characters are, llama.cpp merges nothing, and the tokenizers package merges what remains.
    """
    return unicodedata.category(character) not in ("Cn", "Cs", "Cc")


TEXTS = st.lists(st.sampled_from(PARTS) | st.characters(max_codepoint=0x2FFF).filter(is_known), max_size=25).map(
    "".join
)


WORDS = ("▁t", "he", "▁the", "ll", "hell", "hello", "▁▁", "▁▁▁▁", "12", "==", "</")


@pytest.fixture(scope="module")
def spm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Vocabulary, FolderVocabulary]]:
    """A vocabulary of SentencePiece's kind, as llama.cpp reads it and from a folder."""
    folder = tmp_path_factory.mktemp("spm")
    given = (["[INST]"], ["<think>"], WORDS)
    (folder / "model.gguf").write_bytes(spm_gguf(*given))
    with spm_vocabulary(*given) as native:
        yield native, read_vocabulary(str(folder_of_gguf(folder / "model.gguf", folder)))


def check_text(native: Vocabulary, own: Vocabulary, text: str) -> None:
    for special in (False, True):
        for parsed in (False, True):
            assert own.tokenize(text, special, parsed) == native.tokenize(text, special, parsed)
        assert own.tokenize_inner(text, special) == native.tokenize_inner(text, special)
    tokens = own.tokenize(text, add_special=False, parse_special=True)
    assert own.detokenize(tokens) == native.detokenize(tokens)
    assert own.min_tokens(text) == native.min_tokens(text)
    halves = [text[: len(text) // 2], text[len(text) // 2 :], text]
    assert own.tokenize_pieces(halves, add_special=True) == native.tokenize_pieces(halves, add_special=True)


def check_tokens(native: Vocabulary, own: Vocabulary) -> None:
    for name in ("size", "bos", "eos", "adds_bos", "eog", "infill", "bos_text", "eos_text"):
        assert getattr(own, name) == getattr(native, name), name
    assert own.special_texts() == native.special_texts()
    assert own.end_texts() == native.end_texts()
    for token in range(native.size):
        for special in (False, True):
            assert own.piece(token, special) == native.piece(token, special), token
    texts = native.special_texts()
    for text in {*texts.control, *texts.user_defined, "hello", ""} - {"<unk>"}:  # for llama.cpp it is of its own type
        assert own.special_token(text) == native.special_token(text)
        assert own.is_special(text) == native.is_special(text)
    for parts in (["<|im_end|>", "x<think>"], ["<s>", "[IN"], []):
        assert own.tokens_in(parts) == native.tokens_in(parts)


def test_all_tokens_of_byte_level_vocabularies(vocabulary: Vocabulary, folder_vocabulary: FolderVocabulary) -> None:
    check_tokens(vocabulary, folder_vocabulary)


def test_all_tokens_of_sentence_piece_vocabularies(spm: tuple[Vocabulary, FolderVocabulary]) -> None:
    check_tokens(*spm)


@settings(max_examples=600, deadline=None)
@given(text=TEXTS)
def test_texts_of_byte_level_vocabularies(
    vocabulary: Vocabulary, folder_vocabulary: FolderVocabulary, text: str
) -> None:
    check_text(vocabulary, folder_vocabulary, text)


@settings(max_examples=600, deadline=None)
@given(text=TEXTS)
def test_texts_of_sentence_piece_vocabularies(spm: tuple[Vocabulary, FolderVocabulary], text: str) -> None:
    check_text(*spm, text)


@settings(deadline=None)
@given(data=st.data())
def test_any_tokens_have_the_same_text(
    vocabulary: Vocabulary, folder_vocabulary: FolderVocabulary, data: st.DataObject
) -> None:
    tokens = data.draw(st.lists(st.integers(0, vocabulary.size - 1), max_size=20))
    assert folder_vocabulary.detokenize(tokens) == vocabulary.detokenize(tokens)


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "likes <|im_end|>": {"enum": ["tea", "café 😀"]},
        "age": {"type": "integer"},
    },
    "required": ["name", "likes <|im_end|>", "age"],
}
CONSTRAINTS = (
    Constraint(ConstraintKind.JSON_SCHEMA, PERSON),
    Constraint(ConstraintKind.JSON_OBJECT, None),
    Constraint(ConstraintKind.REGEX, r"(yes|no), \d{2,4} (na\u00efve|<\|im_start\|>)+"),
    Constraint(ConstraintKind.GRAMMAR, 'start: "<" WORD ">" <|im_start|>\nWORD: /[a-z\u00e9 ]{1,9}/'),
    Constraint(ConstraintKind.GRAMMAR, 'root ::= "a" [0-9]+ "<|im_end|>"'),
)


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda constraint: constraint.kind.name)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_grammars_allow_and_force_the_same_tokens(
    compiler: GrammarCompiler, folder_compiler: GrammarCompiler, constraint: Constraint, data: st.DataObject
) -> None:
    native, own = compiler.compile(constraint), folder_compiler.compile(constraint)
    for _ in range(30):
        assert own.closing() == native.closing()
        if native.ended:
            break
        allowed = native.allowed()
        assert (own.allowed() == allowed).all()
        tokens: Any = allowed.nonzero()[0]
        token = int(tokens[data.draw(st.integers(0, len(tokens) - 1))])
        native.accept(token)
        own.accept(token)
        assert own.forced() == native.forced()
