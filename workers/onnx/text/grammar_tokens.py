"""A vocabulary as llguidance wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llguidance import LLTokenizer
from llguidance._tokenizer import TokenizerWrapper


class _GrammarTokens:
    """The tokens, and how a text is made of them. llguidance looks for these attributes."""

    def __init__(
        self, tokens: Sequence[bytes], special: Sequence[int], eos: int, tokenize: Callable[[str], list[int]]
    ) -> None:
        self.tokens = tokens
        self.special_token_ids = special
        self.eos_token_id = eos
        self.bos_token_id = None
        self.greedy: Callable[[str], list[int]] | None = None
        self._tokenize = tokenize

    def __call__(self, text: bytes) -> list[int]:
        """The tokens of a text. They must spell it: some tokenizers write other characters that look the same."""
        decoded = text.decode()
        tokens = self._tokenize(decoded)
        if self.greedy is not None and b"".join(self.tokens[token] for token in tokens) != text:
            return self.greedy(decoded)
        return tokens


def grammar_tokenizer(
    tokens: Sequence[bytes], special: Sequence[int], ends: Sequence[int], tokenize: Callable[[str], list[int]]
) -> LLTokenizer:
    """The vocabulary for llguidance.

    Args:
        tokens: the bytes of each token; empty for an id without one.
        special: the tokens that are no text, whatever their bytes are.
        ends: those that end an answer, the most usual first.
        tokenize: finds the tokens of a text within a longer one, none of them special.
    """
    adapter = _GrammarTokens(tokens, special, ends[0], tokenize)
    tokenizer = LLTokenizer(TokenizerWrapper(adapter), n_vocab=len(tokens), eos_token=list(ends))
    adapter.greedy = tokenizer.greedy_tokenize
    return tokenizer
