"""Finds a short way to complete a text that must satisfy a grammar."""

from __future__ import annotations

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask
from numpy.typing import NDArray

from workers.llama.constraints.matcher import allowed_tokens

STRUCTURE = '"}],'
"""The characters that end a JSON text soonest. Repeating one can help, as in ``]]]``."""

CLOSERS = dict.fromkeys(STRUCTURE + "1052346789" + "@.-:/a!" + "".join(map(chr, range(32, 127))))
"""The characters to try, best first. Those after the digits are for strings that must match a pattern."""

MAX_STRUCTURE_IN_A_ROW = 4
"""A character of :data:`STRUCTURE` is tried this many times before the next closer, any other character once."""


class ClosingSearch:
    """Greedy search for closing tokens in one vocabulary. It keeps no state, so threads may share it."""

    def __init__(self, tokenizer: LLTokenizer) -> None:
        self._vocab_size = tokenizer.vocab_size
        token_of = {tokenizer.decode_bytes([token]): token for token in range(tokenizer.vocab_size)}
        self._closers = np.array([token_of[c.encode()] for c in CLOSERS if c.encode() in token_of], np.intp)

    def find(self, matcher: LLMatcher, limit: int) -> list[int] | None:
        """At most ``limit`` tokens that complete the matcher's text: few, but not always the fewest.

        None if none were found. ``matcher`` is advanced.
        """
        path: list[int] = []
        uses = np.zeros(len(self._closers), np.int64)
        bitmask = allocate_token_bitmask(1, self._vocab_size)
        while not matcher.is_accepting():
            if matcher.is_stopped() or len(path) >= limit:
                return None
            tokens = list(matcher.compute_ff_tokens())
            if tokens:
                uses[: len(STRUCTURE)] = 0
            else:
                tokens = [self._best_closer(allowed_tokens(matcher, bitmask, self._vocab_size), uses)]
            if not matcher.consume_tokens(tokens):
                return None
            path += tokens
        return path if len(path) <= limit else None

    def _best_closer(self, allowed: NDArray[np.bool_], uses: NDArray[np.int64]) -> int:
        """The best of the least used allowed closers, so that a useless one is not tried forever."""
        possible = np.flatnonzero(allowed[self._closers])
        if not len(possible):
            return int(np.argmax(allowed))
        in_a_row = np.where(possible < len(STRUCTURE), MAX_STRUCTURE_IN_A_ROW, 1)
        best = possible[np.argmin(uses[possible] // in_a_row)]
        uses[best] += 1
        return int(self._closers[best])
