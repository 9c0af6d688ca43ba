"""From a query and its documents to the inputs of a reranker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import llama_cpp

from shared.kinds import JobKind
from shared.wire.jobs import RerankJob, Truncation, Work
from shared.wire.payloads import JobError
from workers.embedding.inputs import TOO_LONG, cut, special_tokens, too_long, wrong_kind
from workers.llama.native.vocabulary import LlamaVocabulary

QUERY, DOCUMENT = "{query}", "{document}"
"""Where the texts stand in a template."""

_PLACES = re.compile(r"(\{query\}|\{document\})")


@dataclass(frozen=True, slots=True)
class PairText:
    """A query or document: its tokens, and its text, which is empty if some tokens were cut off."""

    tokens: list[int]
    text: str = ""


class PairWriter(Protocol):
    """Writes a query and a document as one input."""

    def write(self, query: PairText, document: PairText) -> list[int]:
        """The input's tokens."""


class PairInputs:
    """Makes the inputs of jobs for scores. Each input, with query and document, has up to ``limit`` tokens."""

    def __init__(self, vocabulary: LlamaVocabulary, writer: PairWriter, limit: int) -> None:
        self._vocabulary = vocabulary
        self._writer = writer
        self._limit = limit

    def make(self, work: Work) -> list[list[int]]:
        if not isinstance(work, RerankJob):
            raise wrong_kind(work, JobKind.RERANK)
        query = self._bare(work.query)
        added = len(self._writer.write(PairText([]), PairText([])))
        if len(self._writer.write(query, PairText([]))) >= self._limit:
            room = max(0, self._limit - 1 - added)
            expected = f"at most {room} tokens (this model's maximum context length is {self._limit} tokens)"
            raise JobError(400, f"query: expected {expected}, got {len(query.tokens)}", "query", TOO_LONG)
        return [self._pair(query, text, index, work) for index, text in enumerate(work.documents)]

    def _pair(self, query: PairText, text: str, index: int, work: RerankJob) -> list[int]:
        document = self._bare(text)
        if work.max_document_tokens is not None and len(document.tokens) > work.max_document_tokens:
            document = PairText(document.tokens[: work.max_document_tokens])
        tokens = self._writer.write(query, document)
        if len(tokens) > self._limit and work.truncate is Truncation.NONE:
            raise too_long(f"documents[{index}] with the query", "documents", self._limit, len(tokens))
        while len(tokens) > self._limit:  # a text that is cut may have other tokens at its end, and more of them
            room = len(document.tokens) - (len(tokens) - self._limit)
            document = PairText(cut(document.tokens, room, work.truncate))
            tokens = self._writer.write(query, document)
        return tokens

    def _bare(self, text: str) -> PairText:
        return PairText(self._vocabulary.tokenize(text, add_special=False, parse_special=False), text)


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
