"""What preparing a recording reports to the engine: chunks that are ready for the model, and the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.wire.payloads import Failed

FRAMES_PER_S = 100

Features = NDArray[np.float32]
"""A chunk's log-Mel spectrogram, shape ``(mel bands of the model, 3000 frames of 10 ms)``."""


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk ready for the model; times are in seconds from the beginning of the recording.

    The text of a ``silent`` chunk was delivered by another worker, and is not emitted again. ``speech`` holds the
    stretches of detected speech; it is empty without voice detection.
    """

    index: int
    start_s: float
    duration_s: float
    features: Features
    silent: bool
    speech: tuple[tuple[float, float], ...] = ()

    def speech_after_s(self, heard_s: float) -> float:
        """Seconds of detected speech after the chunk's first ``heard_s`` seconds."""
        heard_to_s = self.start_s + heard_s
        return sum(max(0.0, end_s - max(start_s, heard_to_s)) for start_s, end_s in self.speech)

    def rest_after(self, heard_s: float) -> PreparedChunk:
        """The chunk without its first ``heard_s`` seconds, padded with silence."""
        frames = round(heard_s * FRAMES_PER_S)
        rest = np.full_like(self.features, self.features.min())
        rest[:, : rest.shape[1] - frames] = self.features[:, frames:]
        return replace(self, start_s=self.start_s + heard_s, duration_s=self.duration_s - heard_s, features=rest)


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
