"""What the preparation of a recording reports: chunks that are ready for the model, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.wire.payloads import Failed

FRAMES_A_SECOND = 100

Features = NDArray[np.float32]
"""A chunk's log-Mel spectrogram, as many mel bands as the model was trained with x 3000 frames of 10 ms."""


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk ready for the model. The text of a ``silent`` one was delivered before, and is not emitted again.

    ``speech`` are the times, in the recording, of the stretches that were taken for speech, where that is known.
    """

    index: int
    start_s: float
    duration_s: float
    features: Features
    silent: bool
    speech: tuple[tuple[float, float], ...] = ()

    def speech_after_s(self, heard_s: float) -> float:
        """How many seconds of speech there are later than ``heard_s`` after the chunk's beginning."""
        heard_to_s = self.start_s + heard_s
        return sum(max(0.0, end_s - max(start_s, heard_to_s)) for start_s, end_s in self.speech)

    def rest_after(self, heard_s: float) -> PreparedChunk:
        """The chunk without its first ``heard_s`` seconds, filled up with silence."""
        frames = round(heard_s * FRAMES_A_SECOND)
        rest = np.full_like(self.features, self.features.min())
        rest[:, : rest.shape[1] - frames] = self.features[:, frames:]
        return replace(self, start_s=self.start_s + heard_s, duration_s=self.duration_s - heard_s, features=rest)


@dataclass(frozen=True, slots=True)
class Opened:
    """The file is a recording."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All chunks were handed over; ``speech_s`` of ``duration_s`` were taken for speech."""

    duration_s: float
    speech_s: float


Notice = Opened | PreparedChunk | Prepared | Failed
"""What becomes of a recording in preparation; nothing follows the last two."""
