"""Finds a short way to complete a text that must satisfy a grammar."""

from __future__ import annotations

from time import thread_time

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask
from numpy.typing import NDArray

from workers.text.constraints.closing_graph import MAX_LENGTH, MIN_LANDMARK_TOKENS, ClosingGraph
from workers.text.constraints.matcher import allowed_tokens

STRUCTURE = '"}],'
"""The characters that end a JSON text soonest. Repeating one can help, as in ``]]]``."""

CLOSERS = dict.fromkeys(STRUCTURE + "1052346789" + "@.-:/a!" + "".join(map(chr, range(32, 127))))
"""The characters to try, best first. Those after the digits are for strings that must match a pattern."""

MAX_STRUCTURE_IN_A_ROW = 4
"""A character of :data:`STRUCTURE` is tried this many times before the next closer, any other character once."""


class ClosingSearch:
    """Searches for closing tokens in one vocabulary. It keeps no state, so threads may share it.

    It searches among the states of the grammar. If that takes too long, as for objects of many properties, it searches
    from landmark to landmark. Where that takes too long too, as in strings of a great minimum length, it follows the
    characters that usually end a text soonest, which costs one step per token.
    """

    def __init__(self, tokenizer: LLTokenizer) -> None:
        self._tokenizer = tokenizer
        self._vocab_size = tokenizer.vocab_size
        single = [tokenizer.decode_bytes([token]) for token in range(tokenizer.vocab_size)]
        self._quotes = np.array([b'"' in text for text in single])
        token_of = {text: token for token, text in enumerate(single) if len(text) == 1}
        self._closers = np.array([token_of[c.encode()] for c in CLOSERS if c.encode() in token_of], np.intp)
        others = [token for text, token in sorted(token_of.items()) if text.decode("latin-1") not in CLOSERS]
        self._bytes = {token: _kind(single[token]) for token in [*self._closers.tolist(), *others]}

    def tokens(self, text: str) -> list[int]:
        """A text's tokens, as few as can be."""
        return list(self._tokenizer.greedy_tokenize(text))

    def find(self, matcher: LLMatcher, texts: list[list[int]], limit: int, within_s: float) -> list[int] | None:
        """At most ``limit`` tokens that complete the matcher's text: few, but not always the fewest.

        None if none were found. ``texts`` are longer steps to try than one byte, ``within_s`` bounds the CPU time of
        each of the two searches.
        """
        shortest = ClosingGraph(matcher.deep_copy(), self._vocab_size, self._bytes, texts).shortest(within_s)
        if shortest is not None:
            found = [shortest]
        else:
            by_landmarks = self._by_landmarks(matcher.deep_copy(), texts, within_s)
            by_closers = self._follow_closers(matcher.deep_copy())
            found = [path for path in (by_landmarks, by_closers) if path is not None]
        path = min((self._merge(matcher, path) for path in found), key=len, default=None)
        return path if path is not None and len(path) <= limit else None

    def reuse(self, matcher: LLMatcher, path: list[int], limit: int) -> list[int] | None:
        """The shortest end of ``path`` that completes the matcher's text within ``limit`` tokens; None if none does.

        The closing of a text often still closes it after one more token, and so does its end where that token was its
        first.
        """
        if matcher.is_accepting():
            return []
        for start in range(len(path) - 1, max(len(path) - limit, 0) - 1, -1):
            end = path[start:]
            if matcher.validate_tokens(end) == len(end) and _completes(matcher, end):
                return end
        return None

    def _by_landmarks(self, matcher: LLMatcher, texts: list[list[int]], within_s: float) -> list[int] | None:
        """A way to the end, which goes to the nearest landmark each time; the matcher is advanced."""
        end_at_s = thread_time() + within_s
        path: list[int] = []
        while not matcher.is_accepting():
            left_s = end_at_s - thread_time()
            if left_s <= 0 or len(path) >= MAX_LENGTH:
                return None
            stage = ClosingGraph(matcher.deep_copy(), self._vocab_size, self._bytes, texts, self._is_landmark)
            tokens = stage.shortest(left_s)
            if tokens is None:
                tokens = self._follow_closers(matcher.deep_copy(), to_landmark=True)
            if tokens is None or not matcher.consume_tokens(tokens):
                return None
            path += tokens
        return path

    def _follow_closers(self, matcher: LLMatcher, to_landmark: bool = False) -> list[int] | None:
        """The closers that complete the text, or lead through a landmark; the matcher is advanced."""
        path: list[int] = []
        uses = np.zeros(len(self._closers), np.int64)
        bitmask = allocate_token_bitmask(1, self._vocab_size)
        while not matcher.is_accepting():
            if matcher.is_stopped() or len(path) >= MAX_LENGTH:
                return None
            tokens = list(matcher.compute_ff_tokens())
            if tokens:
                uses[: len(STRUCTURE)] = 0
            else:
                tokens = [self._best_closer(allowed_tokens(matcher, bitmask, self._vocab_size), uses)]
            if not matcher.consume_tokens(tokens):
                return None
            path += tokens
            if to_landmark and self._is_landmark(tokens):
                break
        return path

    def _is_landmark(self, tokens: list[int]) -> bool:
        return len(tokens) >= MIN_LANDMARK_TOKENS and bool(self._quotes[tokens].any())

    def _best_closer(self, allowed: NDArray[np.bool_], uses: NDArray[np.int64]) -> int:
        """The best of the least used allowed closers, so that a useless one is not tried forever."""
        possible = np.flatnonzero(allowed[self._closers])
        if not len(possible):
            return int(np.argmax(allowed))
        in_a_row = np.where(possible < len(STRUCTURE), MAX_STRUCTURE_IN_A_ROW, 1)
        best = possible[np.argmin(uses[possible] // in_a_row)]
        uses[best] += 1
        return int(self._closers[best])

    def _merge(self, matcher: LLMatcher, path: list[int]) -> list[int]:
        """The same text in fewer tokens, if the vocabulary has longer ones for it."""
        if any(self._tokenizer.is_special_token(token) for token in path):
            return path
        merged = self.tokens(self._tokenizer.decode_bytes(path).decode("utf-8", "replace"))
        shorter = len(merged) < len(path) and matcher.validate_tokens(merged) == len(merged)
        return merged if shorter and _completes(matcher, merged) else path


def _completes(matcher: LLMatcher, tokens: list[int]) -> bool:
    trial = matcher.deep_copy()
    return bool(trial.consume_tokens(tokens) and trial.is_accepting())


def _kind(byte: bytes) -> str:
    """The kind of character that a byte is, as patterns distinguish them."""
    if byte.isalpha():
        return "capital" if byte.isupper() else "small"
    return "digit" if byte.isdigit() else "other"
