"""Sound as Whisper takes it: one channel of signed 16-bit samples, 16,000 a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000

CHUNK_SAMPLES = 30 * SAMPLE_RATE
"""What the model hears at once."""

Samples = NDArray[np.int16]


Region = tuple[int, int]
"""First sample and the one after the last of a stretch of speech."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a recording of at most 30 s, counted from 0; ``start`` is its first sample's place in the whole.

    ``speech`` are the stretches of it that were taken for speech, by their places in the whole, where that is known.
    """

    index: int
    start: int
    samples: Samples
    speech: tuple[Region, ...] = ()

    @property
    def start_s(self) -> float:
        """Where the chunk begins in the recording."""
        return self.start / SAMPLE_RATE

    @property
    def duration_s(self) -> float:
        """The chunk's length."""
        return len(self.samples) / SAMPLE_RATE


class SampleBuffer:
    """The part of a recording that is still needed, addressed by places in the whole."""

    def __init__(self) -> None:
        self._parts: list[Samples] = []
        self._start = 0
        self.end = 0

    def append(self, samples: Samples) -> None:
        """Add what follows."""
        self._parts.append(samples)
        self.end += len(samples)

    def between(self, start: int, end: int) -> Samples:
        """A copy of the samples from ``start`` to before ``end``; none of them may have been dropped."""
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
