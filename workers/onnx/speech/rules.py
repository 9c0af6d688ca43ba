"""Which tokens may come next: what Whisper never says, and how timestamps and text alternate.

See section 2.3 of https://arxiv.org/abs/2212.04356 and its reference implementation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workers.onnx.speech.folder import WhisperFolder
from workers.onnx.speech.tokenizer import WhisperTokenizer

MAX_FIRST_TIMESTAMP = 50
"""The text of a chunk begins within its first second, in steps of 20 ms."""

Logits = NDArray[np.float32]
"""Shape ``(rows, vocabulary)``."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one model."""

    suppressed: NDArray[np.int64]
    suppressed_at_begin: NDArray[np.int64]
    end: int
    timestamp_begin: int

    @classmethod
    def of(cls, folder: WhisperFolder, tokenizer: WhisperTokenizer) -> Self:
        """The rules of a model."""

        def known(tokens: Iterable[int]) -> NDArray[np.int64]:
            return np.array(sorted({token for token in tokens if token < folder.vocabulary}), np.int64)

        never = known((*folder.suppressed, *range(tokenizer.end + 1, tokenizer.timestamp_begin)))
        return cls(never, known(folder.suppressed_at_begin), tokenizer.end, tokenizer.timestamp_begin)

    def log_probabilities(self, logits: Logits, generated: list[list[int]]) -> Logits:
        """The log-probabilities of each row's next token after the row's ``generated`` ones; overwrites ``logits``.

        Tokens that may not come next have minus infinity.
        """
        logits[:, self.suppressed] = -np.inf
        for row, tokens in zip(logits, generated, strict=True):
            self._apply(row, tokens)
        begin = self.timestamp_begin
        highest = logits.max(axis=-1, keepdims=True)
        logits -= highest
        shares = np.exp(logits)
        text, times = shares[:, :begin].sum(axis=-1), shares[:, begin:].sum(axis=-1)
        timed = times > shares[:, :begin].max(axis=-1)
        logits[timed, :begin] = -np.inf
        logits -= np.log(np.where(timed, times, text + times))[:, None]
        return logits

    def _apply(self, row: Logits, tokens: list[int]) -> None:
        begin = self.timestamp_begin
        if not tokens:
            row[self.suppressed_at_begin] = -np.inf
            row[:begin] = -np.inf
            row[begin + MAX_FIRST_TIMESTAMP + 1 :] = -np.inf
            return
        after_time = tokens[-1] >= begin
        after_pair = after_time and (len(tokens) < 2 or tokens[-2] >= begin)
        if after_pair:
            row[begin:] = -np.inf
        elif after_time:
            row[: self.end] = -np.inf
        last = next((token for token in reversed(tokens) if token >= begin), None)
        if last is not None:
            row[begin : last + (0 if after_time and not after_pair else 1)] = -np.inf
