"""From a query and its documents to the inputs of a reranker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.kinds import JobKind
from shared.wire.jobs import RerankJob, Truncation, Work
from shared.wire.payloads import JobError
from workers.embedding.inputs import TOO_LONG, cut, too_long, wrong_kind


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
    """Makes the inputs of jobs for scores. Each input, with query and document, has up to ``limit`` tokens.

    ``tokenize`` gives the tokens of a text, in which special ones are text.
    """

    def __init__(self, tokenize: Callable[[str], list[int]], writer: PairWriter, limit: int) -> None:
        self._tokenize = tokenize
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
        return PairText(self._tokenize(text), text)
