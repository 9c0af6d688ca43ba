"""What preparing a recording reports to the engine: chunks that are ready for the model, and the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.wire.payloads import Failed

FRAMES_PER_S = 100

PART_SILENCE_S = 0.4

Span = tuple[float, float]
"""A stretch of the recording: its beginning and its end in seconds."""

Features = NDArray[np.float32]
"""A chunk's log-Mel spectrogram, shape ``(mel bands of the model, 3000 frames of 10 ms)``."""


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk ready for the model; times are in seconds from the beginning of the recording.

    The text of a ``silent`` chunk was delivered by another worker, and is not emitted again. ``speech`` holds the
    stretches of detected speech; it is empty without voice detection. Its first ``silence_s`` are not the recording's.
    """

    index: int
    start_s: float
    duration_s: float
    features: Features
    silent: bool
    speech: tuple[Span, ...] = ()
    silence_s: float = 0.0

    @property
    def sound(self) -> Span:
        """The part of the recording that the chunk holds."""
        return self.start_s + self.silence_s, self.start_s + self.duration_s

    def part(self, span: Span) -> PreparedChunk:
        """A part of the chunk's sound between silence. The silence before it is at most ``PART_SILENCE_S`` long."""
        begin, end = (round((time_s - self.start_s) * FRAMES_PER_S) for time_s in span)
        whole = self.features.shape[1]
        silence = min(round(PART_SILENCE_S * FRAMES_PER_S), whole - (end - begin))
        features = np.full_like(self.features, self.features.min())
        features[:, silence : silence + end - begin] = self.features[:, begin:end]
        silence_s = silence / FRAMES_PER_S
        return replace(
            self,
            start_s=span[0] - silence_s,
            duration_s=span[1] - span[0] + silence_s,
            features=features,
            silence_s=silence_s,
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """The file was opened as a recording."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The last chunk was reported. ``speech_s`` of the recording's ``duration_s`` are speech."""

    duration_s: float
    speech_s: float


Notice = Opened | PreparedChunk | Prepared | Failed
"""``Prepared`` or ``Failed`` is the last notice of a recording."""
