"""Audio in Whisper's format: mono, signed 16-bit samples, 16 kHz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000

CHUNK_SAMPLES = 30 * SAMPLE_RATE
"""The model's input window."""

Samples = NDArray[np.int16]
"""Shape ``(samples,)``."""

Region = tuple[int, int]
"""A stretch of speech: its first sample, and the one after its last."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a recording, at most 30 s long.

    ``index`` counts from 0. ``start`` and ``speech`` are sample positions in the recording; ``speech`` is empty without
    voice detection.
    """

    index: int
    start: int
    samples: Samples
    speech: tuple[Region, ...] = ()

    @property
    def start_s(self) -> float:
        """Where the chunk begins in the recording, in seconds."""
        return self.start / SAMPLE_RATE

    @property
    def duration_s(self) -> float:
        """The chunk's length in seconds."""
        return len(self.samples) / SAMPLE_RATE


class SampleBuffer:
    """The part of a recording that is still needed, addressed by sample positions in the recording."""

    def __init__(self) -> None:
        self._parts: list[Samples] = []
        self._start = 0
        self.end = 0

    def append(self, samples: Samples) -> None:
        """Add the next samples of the recording."""
        self._parts.append(samples)
        self.end += len(samples)

    def between(self, start: int, end: int) -> Samples:
        """A copy of the samples from ``start`` up to, not including, ``end``.

        Raises:
            ValueError: ``start`` was dropped.
        """
        if start < self._start:
            raise ValueError(f"sample {start} was dropped; the first one held is {self._start}")
        return self._joined()[start - self._start : end - self._start].copy()

    def drop_before(self, start: int) -> None:
        """Forget everything before ``start``."""
        if start > self._start:
            self._parts = [self._joined()[start - self._start :].copy()]
            self._start = start

    def _joined(self) -> Samples:
        if len(self._parts) != 1:
            self._parts = [np.concatenate([*self._parts, np.zeros(0, np.int16)])]
        return self._parts[0]
