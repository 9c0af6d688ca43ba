"""From jobs to lists of tokens, within the limit of the model."""

from __future__ import annotations

from typing import Protocol

from shared.kinds import JobKind, kind_of
from shared.wire.jobs import EmbedJob, Truncation, Work
from shared.wire.payloads import JobError

TOO_LONG = "context_length_exceeded"


class InputMaker(Protocol):
    """Makes the inputs of jobs for one model. It keeps no state of jobs, so several threads may use it."""

    def make(self, work: Work) -> list[list[int]]:
        """The tokens of each input of a job.

        Raises:
            JobError: the model cannot do the job, or an input is too long.
        """


class TextTokens(Protocol):
    """A model's vocabulary, for whole texts."""

    @property
    def size(self) -> int:
        """The number of token ids, from 0."""

    @property
    def around(self) -> tuple[list[int], list[int]]:
        """The tokens that the model wants before and after a text."""

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a text, special ones in it included, without those around it."""


class TextInputs:
    """Makes the inputs of jobs for vectors of up to ``dimensions`` numbers. They have up to ``limit`` tokens."""

    def __init__(self, tokens: TextTokens, limit: int, dimensions: int) -> None:
        self._vocabulary = tokens
        self._limit = limit
        self._dimensions = dimensions
        self._before, self._after = tokens.around

    def make(self, work: Work) -> list[list[int]]:
        if not isinstance(work, EmbedJob):
            raise wrong_kind(work, JobKind.EMBEDDING)
        if work.dimensions is not None and work.dimensions > self._dimensions:
            expected = f"at most {self._dimensions}, the size of this model's vectors"
            raise JobError(400, f"dimensions: expected {expected}, got {work.dimensions}", "dimensions")
        is_single = len(work.inputs) == 1
        return [
            self._tokens(given, "input" if is_single else f"input[{index}]", work.truncate)
            for index, given in enumerate(work.inputs)
        ]

    def _tokens(self, given: str | list[int], name: str, truncate: Truncation) -> list[int]:
        if isinstance(given, str):
            before, after = self._before, self._after
            tokens = [*before, *self._vocabulary.tokenize(given), *after]
        else:
            self._check(given, name)
            tokens, before, after = given, [], []
        if not tokens:
            raise JobError(400, f"{name}: expected at least one token, got none", "input")
        if len(tokens) <= self._limit:
            return tokens
        if truncate is Truncation.NONE:
            raise too_long(name, "input", self._limit, len(tokens))
        inner = tokens[len(before) : len(tokens) - len(after)]
        return [*before, *cut(inner, self._limit - len(before) - len(after), truncate), *after]

    def _check(self, tokens: list[int], name: str) -> None:
        for token in tokens:
            if not 0 <= token < self._vocabulary.size:
                expected = f"token ids of this model, from 0 to {self._vocabulary.size - 1}"
                raise JobError(400, f"{name}: expected {expected}, got {token}", "input")


def cut(tokens: list[int], length: int, truncate: Truncation) -> list[int]:
    """``tokens`` without those at one end beyond ``length``."""
    length = max(0, length)
    return tokens[:length] if truncate is Truncation.END else tokens[max(0, len(tokens) - length) :]


def too_long(name: str, param: str, limit: int, tokens: int) -> JobError:
    """The refusal of an input, in words that clients look for."""
    expected = f"at most {limit} tokens (this model's maximum context length is {limit} tokens)"
    return JobError(400, f"{name}: expected {expected}, got {tokens}; truncate cuts it", param, TOO_LONG)


def wrong_kind(work: Work, kind: JobKind) -> JobError:
    """The refusal of a job of another kind than the model's."""
    return JobError(400, f"model: expected a model for {kind_of(work)} requests, got one for {kind}", "model")
