"""Batches of inputs through a graph."""

from __future__ import annotations

import logging
from collections.abc import Generator

import numpy as np

from shared.engines.embedding import Pooling
from workers.embedding.computer import Rows
from workers.onnx.embedding.graph import EncoderGraph
from workers.onnx.embedding.padding import groups_of
from workers.onnx.embedding.pooling import pool

log = logging.getLogger("nexa.embedding")

MAX_INPUTS = 512
"""Inputs of a batch."""


class GraphComputer:
    """Gives a row of ``width`` numbers for each input: the graph's ``output``, pooled unless it has rows already."""

    def __init__(
        self, graph: EncoderGraph, output: str, pooling: Pooling | None, width: int, batch_tokens: int
    ) -> None:
        self.batch_tokens = batch_tokens
        self.sequences = min(MAX_INPUTS, batch_tokens)
        self.width = width
        self._graph = graph
        self._output = output
        self._pooling = pooling

    def parts(self, inputs: list[list[int]]) -> Generator[Rows | None]:
        rows = np.empty((len(inputs), self.width), np.float32)
        groups = groups_of([len(tokens) for tokens in inputs])
        for number, group in enumerate(groups):
            if number:
                yield None
            rows[group] = self._rows([inputs[index] for index in group])
        yield rows

    def _rows(self, inputs: list[list[int]]) -> Rows:
        """The rows of inputs that are computed together. Those that onnxruntime refuses have no number."""
        try:
            return self._computed(inputs)
        except Exception as error:  # onnxruntime's own errors have no common class
            if len(inputs) == 1:
                log.warning("an input of %d tokens cannot be computed: %s", len(inputs[0]), error)
                return np.full((1, self.width), np.nan, np.float32)
        return np.concatenate([self._rows([each]) for each in inputs])

    def _computed(self, inputs: list[list[int]]) -> Rows:
        (values,), lengths = self._graph.run(inputs, [self._output])
        return pool(values, lengths, self._pooling)

    def close(self) -> None:
        pass
