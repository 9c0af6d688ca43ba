"""How models in GGUF read a query and a document: by their vocabulary, or by a template."""

from __future__ import annotations

import re
from dataclasses import dataclass

import llama_cpp

from workers.embedding.gguf.long_texts import special_tokens
from workers.embedding.pairs import PairText
from workers.llama.native.vocabulary import LlamaVocabulary

QUERY, DOCUMENT = "{query}", "{document}"
"""Where the texts stand in a template."""

_PLACES = re.compile(r"(\{query\}|\{document\})")


class ClassifierPairs:
    """Writes pairs as encoders with a classifier read them: two texts between the vocabulary's special tokens."""

    def __init__(self, vocabulary: LlamaVocabulary) -> None:
        self._before, self._after = special_tokens(vocabulary)
        self._between = vocabulary.separators()

    def write(self, query: PairText, document: PairText) -> list[int]:
        return [*self._before, *query.tokens, *self._between, *document.tokens, *self._after]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a template: a special token, or ``text`` with the places of query and document in it."""

    token: int | None = None
    text: str = ""


class TemplatePairs:
    """Writes pairs by a text with :data:`QUERY` and :data:`DOCUMENT` in it.

    Its own special tokens count as such; those in query and document are text.
    """

    def __init__(self, vocabulary: LlamaVocabulary, template: str) -> None:
        self._vocabulary = vocabulary
        special = vocabulary.special_texts()
        texts = sorted(filter(None, special.control | special.user_defined), key=len, reverse=True)
        parts = re.split("(" + "|".join(map(re.escape, texts)) + ")", template) if texts else [template]
        self._pieces = [self._piece(part, index % 2 == 1) for index, part in enumerate(parts) if part]

    def write(self, query: PairText, document: PairText) -> list[int]:
        texts = {QUERY: self._text(query), DOCUMENT: self._text(document)}
        tokens: list[int] = []
        for piece in self._pieces:
            if piece.token is not None:
                tokens.append(piece.token)
            else:
                text = "".join(texts.get(part, part) for part in _PLACES.split(piece.text))
                tokens += self._vocabulary.tokenize(text, add_special=False, parse_special=False)
        return tokens

    def _piece(self, text: str, is_special: bool) -> _Piece:
        return _Piece(token=self._vocabulary.special_token(text)) if is_special else _Piece(text=text)

    def _text(self, given: PairText) -> str:
        return given.text or self._vocabulary.detokenize(given.tokens)


def rerank_template(native: int) -> str:
    """The text in a model's metadata that asks for a judgement; empty if there is none."""
    text = llama_cpp.llama_model_chat_template(native, b"rerank")
    return text.decode("utf-8", "replace") if text else ""
