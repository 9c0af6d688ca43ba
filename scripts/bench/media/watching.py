"""How long the nodes and slices of encodes are, which is what a decode step may have to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import MediaKind
from workers.llama.engine import LlamaEngine
from workers.text.media.media import DecodedMedium
from workers.text.media.projector import Embeddings, MediaChunk, Projector
from workers.text.media.turns import ComputingTurns
from workers.text.model import BatchDecoder
from workers.text.scheduling.scheduled import ScheduledTokens


class WatchedProjector:
    """A projector, and what its encodes took since :meth:`clear`, in seconds.

    ``longest_node_s`` is the longest time between two questions whether to go on, ``longest_slice_s`` that between two
    steps of the decoder. ``longest_step_s`` is the longest step that put embeddings into the decoder: streams wait for
    it too. From ``began_s`` to ``ended_s`` something was encoded.
    """

    def __init__(self, projector: Projector, turns: ComputingTurns) -> None:
        self._projector = projector
        self._turns = turns
        self.clear()

    @classmethod
    def of(cls, engine: LlamaEngine) -> WatchedProjector:
        """Watch the encoder of a loaded engine from now on."""
        assert engine._media is not None
        watched = cls(engine._media.projector, engine._media._turns)
        engine._media.encoder._projector = watched
        vars(engine._media)["decode"] = watched._timed(engine._media.decode)
        return watched

    def clear(self) -> None:
        """Forget what was seen."""
        self.longest_node_s = self.longest_slice_s = self.longest_step_s = self.began_s = self.ended_s = 0.0

    @property
    def media(self) -> tuple[MediaKind, ...]:
        return self._projector.media

    @property
    def sample_rate(self) -> int:
        return self._projector.sample_rate

    def chunks(self, medium: DecodedMedium) -> list[list[int] | MediaChunk]:
        return self._projector.chunks(medium)

    def encode(self, chunk: MediaChunk, go_on: Callable[[], bool]) -> Embeddings | None:
        node_s = slice_s = time.perf_counter()
        self.began_s = self.began_s or node_s

        def watched() -> bool:
            nonlocal node_s, slice_s
            now_s, slice_began_s = time.perf_counter(), self._turns._slice_began_at_s
            self._note(now_s - node_s, now_s - slice_s)
            goes_on = go_on()
            node_s = time.perf_counter()
            if self._turns._slice_began_at_s != slice_began_s:  # a step went first
                slice_s = node_s
            return goes_on

        embeddings = self._projector.encode(chunk, watched)
        self.ended_s = time.perf_counter()
        self._note(self.ended_s - node_s, self.ended_s - slice_s)
        return embeddings

    def close(self) -> None:
        self._projector.close()

    def _timed(self, decode: Callable[[BatchDecoder, ScheduledTokens], NDArray[np.float32]]) -> Any:
        def timed(decoder: BatchDecoder, part: ScheduledTokens) -> NDArray[np.float32]:
            began_s = time.perf_counter()
            logits = decode(decoder, part)
            self.longest_step_s = max(self.longest_step_s, time.perf_counter() - began_s)
            return logits

        return timed

    def _note(self, node_s: float, slice_s: float) -> None:
        self.longest_node_s = max(self.longest_node_s, node_s)
        self.longest_slice_s = max(self.longest_slice_s, slice_s)
