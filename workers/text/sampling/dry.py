"""DRY: a penalty for tokens that would continue a repetition, by the rules of llama.cpp's sampler of that name.

llama.cpp's own needs its own vocabulary, of which it reads all texts anew for each request, and it compares all tokens
of its window before each draw. This one looks at the texts of those tokens only that occur, works with any vocabulary,
and compares with the last token only. Prompts count too.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import MAX_PENALTY_TOKENS, Sampling

MAX_BREAKER_BYTES = 40
MAX_TAIL_TOKENS = 20
"""So many tokens of a sequence breaker are compared, after the first one."""

_MAX_LOG = 88.7228391
"""The log of the largest number of 32 bits."""

_MAX_PENALTY = 1e30
"""A token with a larger one could no longer be drawn where it is the only one."""

Tail = tuple[int, ...]


class TokenTexts(Protocol):
    """What DRY needs of a vocabulary."""

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes of one token."""

    def tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of ``text``."""


def has_dry(sampling: Sampling) -> bool:
    """Whether repetitions are penalised."""
    return sampling.dry_multiplier != 0.0 and sampling.dry_penalty_last_n != 0


class SequenceBreakers:
    """Texts that no repetition crosses, as tokens: a first one that has the text's beginning, and its tail."""

    def __init__(self, texts: tuple[str, ...], vocabulary: TokenTexts) -> None:
        self._texts = [text.encode()[:MAX_BREAKER_BYTES] for text in texts if text]
        self._vocabulary = vocabulary
        self._tails: dict[int, frozenset[Tail]] = {}

    def tails(self, token: int) -> frozenset[Tail]:
        """What may follow ``token`` so that both are a breaker; the empty tail if it contains a whole one."""
        tails = self._tails.get(token)
        if tails is None:
            piece = self._vocabulary.piece(token, special=True)
            tails = self._tails[token] = frozenset(tail for text in self._texts for tail in self._tails_in(piece, text))
        return tails

    def _tails_in(self, piece: bytes, text: bytes) -> list[Tail]:
        if text in piece:
            return [()]
        ends = [length for length in range(1, min(len(text), len(piece) + 1)) if piece.endswith(text[:length])]
        return [self._tokens(text[length:]) for length in ends]

    def _tokens(self, text: bytes) -> Tail:
        return tuple(self._vocabulary.tokenize(text.decode("utf-8", "replace"), False, False)[:MAX_TAIL_TOKENS])


class RepetitionPenalty:
    """The penalty of one sequence, whose prompt it begins with."""

    def __init__(self, sampling: Sampling, vocabulary: TokenTexts, prompt: list[int]) -> None:
        self._breakers = SequenceBreakers(sampling.dry_sequence_breakers, vocabulary)
        last_n = sampling.dry_penalty_last_n
        self._window = MAX_PENALTY_TOKENS if last_n < 0 else min(last_n, MAX_PENALTY_TOKENS)
        self._allowed = sampling.dry_allowed_length
        self._multiplier, self._base = float(np.float32(sampling.dry_multiplier)), float(np.float32(sampling.dry_base))
        self._max_exponent = int(_MAX_LOG / math.log(self._base)) if self._base > 1.000001 else 0
        recent = prompt[-self._window :]
        self._count = len(recent)
        self._tokens = np.zeros(2 * self._count + 64, np.int32)
        self._tokens[: self._count] = recent
        # at n + 1: how many tokens up to the n-th are equal to as many of the last ones
        self._equal = np.zeros(len(self._tokens) + 1, np.int32)
        self._equal[1 : self._count] = _equal_ends(recent)[:-1]
        # where the last breaker begins, or -1, and how long its tail is
        self._broken_at, self._broken_tokens = self._last_breaker(recent)

    def accept(self, token: int) -> None:
        """Append a token."""
        if self._count == len(self._tokens):
            self._grow()
        end, start = self._count, max(0, self._count - self._window)
        self._equal[start + 1 : end + 1] = (self._equal[start:end] + 1) * (self._tokens[start:end] == token)
        self._tokens[end] = token
        self._count += 1
        self._note_breaker(end)

    def apply(self, logits: NDArray[np.float32]) -> None:
        """Change logits, shape ``(vocabulary,)``, in place."""
        window = min(self._count, self._window)
        limit = self._limit(window)
        if window <= self._allowed or limit < self._allowed:
            return
        start, last = self._count - window, self._count - 1
        lengths = np.minimum(self._equal[start + 1 : last + 1], np.arange(1, window, dtype=np.int32))
        lengths = np.minimum(lengths, limit)
        repeated = np.flatnonzero(lengths >= self._allowed)
        longest: dict[int, int] = {}
        following = self._tokens[start + 1 + repeated].tolist()
        for token, length in zip(following, lengths[repeated].tolist(), strict=True):
            longest[token] = max(longest.get(token, 0), length)
        for token, length in longest.items():
            if () not in self._breakers.tails(token):
                logits[token] -= np.float32(self._penalty(length))

    def _penalty(self, length: int) -> float:
        exponent = length - self._allowed
        if self._max_exponent > 0:
            exponent = min(exponent, self._max_exponent)
        return max(-_MAX_PENALTY, min(self._multiplier * self._base**exponent, _MAX_PENALTY))

    def _limit(self, window: int) -> int:
        """How long repetitions are at most, since none crosses a breaker."""
        distance = self._count - 1 - self._broken_at
        return window if self._broken_at < 0 or distance >= window else distance - self._broken_tokens

    def _last_breaker(self, tokens: list[int]) -> tuple[int, int]:
        for begin in range(len(tokens) - 1, -1, -1):
            tails = self._breakers.tails(tokens[begin])
            found = [len(tail) for tail in tails if tuple(tokens[begin + 1 : begin + 1 + len(tail)]) == tail]
            if found:
                return begin, max(found)
        return -1, 0

    def _note_breaker(self, end: int) -> None:
        """Note the breaker that ends with the token at ``end``, if it is the last one to begin."""
        for length in range(min(MAX_TAIL_TOKENS, end) + 1):
            begin = end - length
            if begin < self._broken_at:
                return  # one that begins later counts
            tails = self._breakers.tails(int(self._tokens[begin]))
            if tails and tuple(self._tokens[begin + 1 : end + 1].tolist()) in tails:
                self._broken_at, self._broken_tokens = begin, length
                return

    def _grow(self) -> None:
        """Make room, and forget what has left the window."""
        kept = min(self._count, self._window)
        first = self._count - kept
        tokens, equal = np.zeros(2 * kept + 64, np.int32), np.zeros(2 * kept + 65, np.int32)
        tokens[:kept] = self._tokens[first : self._count]
        equal[1 : kept + 1] = self._equal[first + 1 : self._count + 1]
        self._tokens, self._equal, self._count = tokens, equal, kept
        self._broken_at = max(self._broken_at - first, -1)


def _equal_ends(tokens: list[int]) -> list[int]:
    """For each position, how many tokens up to it are equal to as many of the last ones: the Z-algorithm, from the end.

    The first ones' could go on before the beginning, and do not.
    """
    backward = tokens[::-1]
    count = len(backward)
    equal = [count] * count
    left = right = 0  # the part that is known to be equal to the beginning
    for at in range(1, count):
        length = min(right - at, equal[at - left]) if at < right else 0
        while at + length < count and backward[length] == backward[at + length]:
            length += 1
        equal[at] = length
        if at + length > right:
            left, right = at, at + length
    return equal[::-1]
