"""A query and a document as one input, with the types of its tokens."""

from __future__ import annotations

from workers.embedding.pairs import PairText
from workers.onnx.embedding.tokenizer import PairTemplate


class TemplatedPairs:
    """Writes pairs as the model's tokenizer joins two texts, and finds the types of such inputs.

    The texts have no special tokens, so the first ones between special tokens end the query.
    """

    def __init__(self, template: PairTemplate) -> None:
        self._template = template

    def write(self, query: PairText, document: PairText) -> list[int]:
        template = self._template
        return [*template.before, *query.tokens, *template.between, *document.tokens, *template.after]

    def types(self, tokens: list[int]) -> list[int]:
        """The type of each token of an input."""
        before, query, between, document, after = self._template.types
        length = len(self._template.between)
        middle = len(before)
        while tokens[middle : middle + length] != self._template.between:
            middle += 1
        documents = len(tokens) - middle - length - len(after)
        return [*before, *[query] * (middle - len(before)), *between, *[document] * documents, *after]
