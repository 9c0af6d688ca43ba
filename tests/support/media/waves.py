"""Recordings as WAV files, sound ones and others."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

PCM, FLOAT = 1, 3
RATE = 16_000


def wav(samples: NDArray[np.int16] | NDArray[np.float32], rate: int = RATE) -> bytes:
    """A file with one channel."""
    kind = FLOAT if samples.dtype == np.float32 else PCM
    data, width = samples.tobytes(), samples.dtype.itemsize
    form = struct.pack("<HHIIHH", kind, 1, rate, rate * width, width, 8 * width)
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def tone_file(hertz: float, seconds: float = 1.0) -> bytes:
    """A recording of a tone."""
    times = np.arange(round(seconds * RATE)) / RATE
    return wav((9000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16))
