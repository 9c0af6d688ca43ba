"""Which tokens are generated: by beam search, or sampled at a temperature; several recordings together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workers.onnx.speech.rules import Logits, Rules


class Stepper(Protocol):
    """Rows of a batch that the decoder goes on with."""

    def take(self, rows: list[int]) -> None:
        """Keep the given rows, in this order, perhaps several times."""

    def reorder(self, rows: list[int]) -> None:
        """Let each row go on from the tokens of another one of the same recording."""


Advance = Callable[[NDArray[np.int64]], Logits]
"""Reads one more token of each row; returns the logits after it."""


@dataclass(slots=True)
class Hypothesis:
    """Generated tokens without the end token, and the sum of their log-probabilities with it."""

    tokens: list[int] = field(default_factory=list)
    score: float = 0.0

    @property
    def rank(self) -> float:
        """Higher is better: the score for each token."""
        return self.score / max(1, len(self.tokens))


class ChunkSearch(Protocol):
    """The search for one chunk's text. It has the same number of rows from its first step to its last."""

    done: bool
    rows: int

    def step(self, log_probabilities: Logits) -> list[int]:
        """Choose the next tokens; returns the rows, by their numbers within the chunk, that they follow."""

    @property
    def generated(self) -> list[list[int]]:
        """The tokens of each row."""

    @property
    def best(self) -> Hypothesis:
        """The best text."""


class BeamSearch:
    """Follows the most probable beginnings until as many of them have ended."""

    def __init__(self, beams: int, end: int, max_tokens: int) -> None:
        self.rows = beams
        self.done = False
        self._end = end
        self._max_tokens = max_tokens
        self._beams = [Hypothesis()]
        self._ended: list[Hypothesis] = []

    @property
    def generated(self) -> list[list[int]]:
        return [beam.tokens for beam in self._beams]

    @property
    def best(self) -> Hypothesis:
        return max(self._ended, key=lambda each: each.rank)

    def step(self, log_probabilities: Logits) -> list[int]:
        origins: list[int] = []
        beams: list[Hypothesis] = []
        for place, (origin, token, score) in enumerate(self._candidates(log_probabilities)):
            known = self._beams[origin]
            if token == self._end:
                if place < self.rows:
                    self._ended.append(Hypothesis(known.tokens, score))
            elif len(beams) < self.rows:
                beams.append(Hypothesis([*known.tokens, token], score))
                origins.append(origin)
        while len(beams) < self.rows:  # fewer tokens may follow than there are beams
            beams.append(Hypothesis([*self._beams[-1].tokens, self._end], -np.inf))
            origins.append(len(self._beams) - 1)
        self._beams = beams
        if len(self._ended) >= self.rows or len(beams[0].tokens) >= self._max_tokens:
            self._ended += [beam for beam in beams if beam.score > -np.inf] if len(self._ended) < self.rows else []
            self.done = True
        return origins

    def _candidates(self, log_probabilities: Logits) -> list[tuple[int, int, float]]:
        """Twice as many continuations as there are beams, the most probable first."""
        scores = np.array([beam.score for beam in self._beams], np.float32)[:, None] + log_probabilities
        flat = scores.reshape(-1)
        count = min(2 * self.rows, len(flat))
        top = np.argpartition(flat, -count)[-count:]
        top = top[np.argsort(-flat[top], kind="stable")]
        width = log_probabilities.shape[-1]
        return [(int(each) // width, int(each) % width, float(flat[each])) for each in top if flat[each] > -np.inf]


class TextSampling:
    """Samples several texts; the most probable one is the best."""

    def __init__(self, texts: int, end: int, max_tokens: int, temperature: float, random: np.random.Generator) -> None:
        self.rows = texts
        self.done = False
        self._end = end
        self._max_tokens = max_tokens
        self._temperature = temperature
        self._random = random
        self._texts = [Hypothesis()]
        self._open = [True] * texts

    @property
    def generated(self) -> list[list[int]]:
        return [text.tokens for text in self._texts]

    @property
    def best(self) -> Hypothesis:
        return max(self._texts, key=lambda each: each.rank)

    def step(self, log_probabilities: Logits) -> list[int]:
        first = len(self._texts) < self.rows
        origins = [0] * self.rows if first else list(range(self.rows))
        if first:
            self._texts = [Hypothesis() for _ in origins]
        sums = np.cumsum(np.exp(log_probabilities.astype(np.float64) / self._temperature), axis=-1)
        for row, text in enumerate(self._texts):
            if not self._open[row]:
                continue
            shares = sums[origins[row]]
            token = int(np.searchsorted(shares, self._random.random() * shares[-1], side="right"))
            text.score += float(log_probabilities[origins[row], token])
            if token == self._end:
                self._open[row] = False
            else:
                text.tokens.append(token)
                self._open[row] = len(text.tokens) < self._max_tokens
        self.done = not any(self._open)
        return origins


def search(chunks: list[ChunkSearch], logits: Logits, rules: Rules, rows: Stepper, advance: Advance) -> None:
    """Search the texts of several chunks together, from the logits after their first tokens, one row per chunk.

    A chunk's rows leave the batch when its search is done.
    """
    active = list(chunks)
    first = True
    while True:
        taken = [chunk.generated for chunk in active]
        known = rules.log_probabilities(logits, [tokens for of_chunk in taken for tokens in of_chunk])
        origins: list[int] = []
        begin = 0
        left = []
        for chunk, of_chunk in zip(active, taken, strict=True):
            chosen = chunk.step(known[begin : begin + len(of_chunk)])
            if not chunk.done:
                origins += [begin + row for row in chosen]
                left.append(chunk)
            begin += len(of_chunk)
        if not left:
            return
        if first or len(left) < len(active):
            rows.take(origins)
        else:
            rows.reorder(origins)
        first, active = False, left
        last = [tokens[-1] if tokens else rules.end for chunk in active for tokens in chunk.generated]
        logits = advance(np.array(last, np.int64))
