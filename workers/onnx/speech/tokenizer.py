"""Whisper's tokens: special ones, text, and words."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from pathlib import Path

from shared.wire.jobs import SpeechTask
from workers.engine import EngineLoadError
from workers.onnx.tokenizer_json import open_tokenizer

_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")

WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Languages that do not write spaces between words: there, each character is timed."""

OPENING = "\"'“¿([{-"
CLOSING = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001
"""Punctuation that belongs to the word after it, and before it."""

INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


@dataclass(slots=True)
class WordTokens:
    """A word and its tokens."""

    text: str
    tokens: list[int]


class WhisperTokenizer:
    """The tokenizer in a model's folder.

    Raises:
        EngineLoadError: it cannot be read, or lacks tokens that all Whisper models have.
    """

    def __init__(self, file: Path) -> None:
        self._tokenizer = open_tokenizer(file)
        self._tokenizer.encode_special_tokens = True  # the text of one in a prompt is text
        self._file = file
        self.end = self._special("endoftext")
        self.start = self._special("startoftranscript")
        self.previous = self._special("startofprev")
        self.no_speech = self._special("nospeech", "nocaptions")
        self.no_timestamps = self._special("notimestamps")
        self.timestamp_begin = self.no_timestamps + 1
        self.tasks = {task: self._special(task.value) for task in SpeechTask}
        found = self._tokenizer.get_added_tokens_decoder().items()
        named = {token: match[1] for token, text in found if (match := _LANGUAGE.fullmatch(text.content))}
        first_task = min(self.tasks.values())
        self.languages = {code: token for token, code in sorted(named.items()) if self.start < token < first_task}

    def encode(self, text: str) -> list[int]:
        """The tokens of a text. What is written like a special token is text, or left out if it is a timestamp."""
        return self.text_tokens(list(self._tokenizer.encode(text, add_special_tokens=False).ids))

    def text_tokens(self, tokens: list[int]) -> list[int]:
        """``tokens`` without special ones and timestamps."""
        return [token for token in tokens if token < self.end]

    def text_of(self, tokens: list[int]) -> str:
        """The text of ``tokens`` without special ones."""
        return str(self._tokenizer.decode(self.text_tokens(tokens)))

    def words(self, tokens: list[int], language: str) -> list[WordTokens]:
        """The words of text tokens in order, each with the space before it."""
        parts = self._characters(tokens)
        if language in WITHOUT_SPACES:
            return parts
        words: list[WordTokens] = []
        for part in parts:
            alone = part.text.startswith(" ") or part.text.strip() in string.punctuation
            if alone or not words:
                words.append(part)
            else:
                words[-1].text += part.text
                words[-1].tokens += part.tokens
        return words

    def _characters(self, tokens: list[int]) -> list[WordTokens]:
        """The shortest runs of tokens that are whole characters."""
        whole = str(self._tokenizer.decode(tokens))
        parts: list[WordTokens] = []
        begun: list[int] = []
        at = 0
        for token in tokens:
            begun.append(token)
            text = str(self._tokenizer.decode(begun))
            place = at + text.find(INCOMPLETE)
            if INCOMPLETE not in text or (place < len(whole) and whole[place] == INCOMPLETE):
                parts.append(WordTokens(text, begun))
                begun = []
                at += len(text)
        if begun:
            parts.append(WordTokens(str(self._tokenizer.decode(begun)), begun))
        return parts

    def _special(self, *names: str) -> int:
        for name in names:
            token = self._tokenizer.token_to_id(f"<|{name}|>")
            if token is not None:
                return int(token)
        raise EngineLoadError(f"{self._file}: expected Whisper's token <|{names[0]}|>, got none")
