"""Long texts to tokens, in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import llama_cpp

from workers.llama.native.vocabulary import LlamaVocabulary

PART_CHARS = 4096
"""Least length of a part."""


class LongTexts:
    """Finds the tokens of texts, special ones included.

    For each special token in a text, llama.cpp searches the rest of the text for others. So a long text is cut before
    special tokens, where its parts have the same tokens as the whole.
    """

    def __init__(self, vocabulary: LlamaVocabulary) -> None:
        self._vocabulary = vocabulary
        special = vocabulary.special_texts()
        texts = sorted(filter(None, special.control | special.user_defined), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, texts))) if texts else None
        self._cuttable = frozenset(filter(self._leaves_spaces, filter(None, special.control)))

    @property
    def size(self) -> int:
        """The number of token ids."""
        return self._vocabulary.size

    @property
    def around(self) -> tuple[list[int], list[int]]:
        """The tokens that the model wants before and after a text."""
        return special_tokens(self._vocabulary)

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a text, without those that the model wants before and after it."""
        tokens: list[int] = []
        for part in self._parts(text):
            tokens += self._vocabulary.tokenize(part, add_special=False, parse_special=True)
        return tokens

    def _parts(self, text: str) -> Iterator[str]:
        start = 0
        if self._special is not None and len(text) > PART_CHARS:
            for match in self._special.finditer(text):
                if match.start() - start >= PART_CHARS and match.group() in self._cuttable:
                    yield text[start : match.start()]
                    start = match.start()
        yield text[start:]

    def _leaves_spaces(self, text: str) -> bool:
        """Whether a special token does not take the spaces before it."""
        token = self._vocabulary.special_token(text)
        return token is not None and not self._vocabulary.attributes(token) & llama_cpp.LLAMA_TOKEN_ATTR_LSTRIP


def special_tokens(vocabulary: LlamaVocabulary) -> tuple[list[int], list[int]]:
    """The tokens that the model wants before and after a text."""
    text = "a"
    bare = vocabulary.tokenize(text, add_special=False, parse_special=False)
    whole = vocabulary.tokenize(text, add_special=True, parse_special=False)
    begin = next(start for start in range(len(whole)) if whole[start : start + len(bare)] == bare)
    return whole[:begin], whole[begin + len(bare) :]
