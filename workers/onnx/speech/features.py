"""Spectrograms as Whisper was trained on them: logarithms of energies in bands of the Mel scale.

The scale is Slaney's: linear up to 1 kHz, logarithmic above (Auditory Toolbox, 1998). See section 2.2 of
https://arxiv.org/abs/2212.04356.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from workers.whisper.audio.notices import Features
from workers.whisper.audio.pcm import CHUNK_SAMPLES, SAMPLE_RATE, Samples

WINDOW = 400
"""Samples of one frame, 25 ms."""

HOP = 160
"""Samples from one frame to the next, 10 ms."""

LINEAR_HZ = 1000.0
HZ_PER_MEL = 200.0 / 3
MELS_PER_LOG_HZ = 27.0 / math.log(6.4)

DYNAMIC_RANGE = 8.0
"""Energies below the highest one by more than this, in powers of ten, are raised to that."""


class FeatureExtractor:
    """Computes spectrograms with a number of bands."""

    def __init__(self, bands: int) -> None:
        self._filters = mel_filters(bands)
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)

    def __call__(self, samples: Samples) -> Features:
        """The spectrogram of at most 30 s of sound, padded with silence; shape ``(bands, 3000)``."""
        sound = np.zeros(CHUNK_SAMPLES, np.float32)
        sound[: len(samples)] = samples.astype(np.float32) / 32768.0
        padded = np.pad(sound, WINDOW // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:-1:HOP]
        energies = np.abs(np.fft.rfft(frames * self._window, axis=-1)) ** 2
        logs = np.log10(np.maximum(self._filters @ energies.T.astype(np.float32), 1e-10))
        raised = np.maximum(logs, logs.max() - DYNAMIC_RANGE)
        return np.asarray((raised + 4.0) / 4.0, np.float32)


def mel_filters(bands: int) -> NDArray[np.float32]:
    """How much of each frequency belongs to each band; shape ``(bands, WINDOW // 2 + 1)``.

    Bands are triangles of the same area that reach from the middle of the band below to that of the band above.
    """
    frequencies = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    middles = _hz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), bands + 2))
    widths = np.diff(middles)[:, None]
    above = (middles[:, None] - frequencies) * -1
    rising, falling = above[:-2] / widths[:-1], -above[2:] / widths[1:]
    areas = 2.0 / (middles[2:] - middles[:-2])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * areas[:, None], np.float32)


def _mel(hz: float) -> float:
    return LINEAR_HZ / HZ_PER_MEL + math.log(hz / LINEAR_HZ) * MELS_PER_LOG_HZ


def _hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mels * HZ_PER_MEL
    bend = LINEAR_HZ / HZ_PER_MEL
    return np.where(mels < bend, linear, LINEAR_HZ * np.exp((np.maximum(mels, bend) - bend) / MELS_PER_LOG_HZ))
