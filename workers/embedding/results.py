"""From rows of numbers to the events of jobs: vectors and scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from shared.wire.jobs import EmbedJob
from shared.wire.payloads import Payload, Scores, Vectors
from workers.embedding.computer import Rows
from workers.engine import EngineJob, EngineLoadError

MAX_CLASSES = 2
"""Outputs of a reranker's classifier."""

_RELEVANT = ("yes", "true", "1", "relevant", "label_1")
"""How classifiers of two outputs name the one that counts. Without names it is the second."""


class ResultWriter(ABC):
    """Makes the events of a job from the rows that its inputs got."""

    @abstractmethod
    def write(self, job: EngineJob, indices: list[int], rows: Rows) -> Payload:
        """The event with these results, a row for each index."""


class VectorWriter(ResultWriter):
    """Writes unit vectors."""

    def write(self, job: EngineJob, indices: list[int], rows: Rows) -> Vectors:
        work = job.work
        assert isinstance(work, EmbedJob)
        rows = rows[:, : work.dimensions].astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = rows / np.where(lengths > 0, lengths, 1)
        return Vectors(indices, unit.shape[1], unit.astype("<f4").tobytes())


class ScoreWriter(ResultWriter):
    """Writes scores: the sigmoid of a classifier's only output, or the likelihood of its ``relevant`` output.

    ``is_likelihood`` says that the rows are likelihoods already, otherwise they are logits.
    """

    def __init__(self, relevant: int = 0, is_likelihood: bool = False) -> None:
        self._relevant = relevant
        self._is_likelihood = is_likelihood

    def write(self, job: EngineJob, indices: list[int], rows: Rows) -> Scores:
        logits = rows.astype(np.float64)
        if self._is_likelihood:
            values = logits[:, self._relevant]
        elif logits.shape[1] == 1:
            values = 1 / (1 + np.exp(-np.clip(logits[:, 0], -700, 700)))
        else:
            shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
            values = shifted[:, self._relevant] / shifted.sum(axis=1)
        return Scores(indices, values.tolist())


def relevant_output(outputs: int, labels: Sequence[str]) -> int:
    """Which output of a reranker's classifier counts, by their names, if it has any.

    Raises:
        EngineLoadError: it has too many for a reranker.
    """
    if outputs > MAX_CLASSES:
        expected = f"a reranker, whose classifier has 1 or {MAX_CLASSES} outputs"
        raise EngineLoadError(f"expected {expected}, got one with {outputs}")
    return next((index for index, label in enumerate(labels) if label.lower() in _RELEVANT), outputs - 1)
