"""Recordings for end-to-end tests, and how their transcripts are compared."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from pathlib import Path

import av

DATA = Path(__file__).parents[1] / "data"
JFK = DATA / "jfk.flac"
SPANISH = DATA / "spanish.ogg"


def words_of(text: str) -> list[str]:
    """The words, without punctuation and case."""
    return re.findall(r"[\w']+", text.lower())


JFK_WORDS = words_of(
    "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
)


def encoded(source: Path, container: str, codec: str, rate: int = 44_100, layout: str = "stereo") -> bytes:
    """``source`` in another format, as an app would send it."""
    target = io.BytesIO()
    with av.open(str(source)) as reading, av.open(target, "w", format=container) as writing:
        stream = writing.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.time_base = Fraction(1, rate)
        resampler = av.AudioResampler(stream.format, layout, rate)
        frames = [frame for decoded in reading.decode(audio=0) for frame in resampler.resample(decoded)]
        fifo = av.AudioFifo()
        for frame in [*frames, *resampler.resample(None)]:
            frame.pts = None
            fifo.write(frame)
        size = stream.codec_context.frame_size or 1024
        while (block := fifo.read(size, partial=True)) is not None:
            writing.mux(stream.encode(block))
        writing.mux(stream.encode(None))
    return target.getvalue()
