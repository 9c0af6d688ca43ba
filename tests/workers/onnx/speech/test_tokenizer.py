"""Whisper's special tokens, and words of text tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from faster_whisper.tokenizer import Tokenizer as OfFasterWhisper
from tokenizers import Tokenizer

from shared.wire.jobs import SpeechTask
from workers.engine import EngineLoadError
from workers.onnx.speech.tokenizer import WhisperTokenizer


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> WhisperTokenizer:
    return WhisperTokenizer(tokenizer_file)


def test_special_tokens_are_found_by_name(tokenizer: WhisperTokenizer) -> None:
    assert (tokenizer.end, tokenizer.start, tokenizer.timestamp_begin) == (50257, 50258, 50364)
    assert tokenizer.tasks == {SpeechTask.TRANSLATE: 50358, SpeechTask.TRANSCRIBE: 50359}
    assert len(tokenizer.languages) == 99
    assert (tokenizer.languages["en"], tokenizer.languages["haw"]) == (50259, 50352)


def test_special_tokens_in_a_text_are_text_and_timestamps_are_left_out(tokenizer: WhisperTokenizer) -> None:
    tokens = tokenizer.encode(" hello <|endoftext|><|0.00|> there")
    assert max(tokens) < tokenizer.end
    assert tokenizer.text_of(tokens) == " hello <|endoftext|> there"


def test_timestamps_are_no_text(tokenizer: WhisperTokenizer) -> None:
    assert tokenizer.text_of([50364, *tokenizer.encode(" hello"), 50400]) == " hello"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", " Ask not, what “your” country's $4.50 (or so) can do... 👩‍👩‍👧 naïve"),
        ("es", " ¿Dónde está México? ¡Aquí!"),
        ("ru", " Быстрая лисица прыгает"),
        ("zh", "春天来了,公园里的花都开了。"),
        ("ja", "昨日は雨が降っていました。"),
    ],
)
def test_words_are_those_of_faster_whisper(
    tokenizer: WhisperTokenizer, tokenizer_file: Path, language: str, text: str
) -> None:
    tokens = tokenizer.encode(text)
    other = OfFasterWhisper(Tokenizer.from_file(str(tokenizer_file)), True, task="transcribe", language=language)
    words, of_words = other.split_to_word_tokens(tokens)
    found = tokenizer.words(tokens, language)
    assert [(word.text, word.tokens) for word in found] == list(zip(words, of_words, strict=True))


def test_half_a_character_at_the_end_is_kept(tokenizer: WhisperTokenizer) -> None:
    tokens = tokenizer.encode(" a 👩‍👩‍👧")[:-1]
    assert [token for word in tokenizer.words(tokens, "en") for token in word.tokens] == tokens


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text('{"model": ')
    with pytest.raises(EngineLoadError, match=r"tokenizer\.json: [^\n]+$"):
        WhisperTokenizer(file)


def test_another_models_tokenizer_is_told_by_its_lack_of_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text('{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}')
    with pytest.raises(EngineLoadError, match=r"tokenizer\.json: expected Whisper's token <\|endoftext\|>, got none"):
        WhisperTokenizer(file)
