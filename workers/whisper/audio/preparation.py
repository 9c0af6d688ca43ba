"""One recording on its way from an uploaded file to chunks that the model can take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import Failed, JobError
from workers.whisper.audio.pcm import SAMPLE_RATE, Chunk, Samples
from workers.whisper.audio.sequential import SequentialChunker
from workers.whisper.audio.voice import DetectSpeech, VoiceChunker

SLICE_SAMPLES = 30 * SAMPLE_RATE
"""How much is decoded at a time before another recording has its turn."""

LOOK_AHEAD_CHUNKS = 8
"""No more is prepared of a recording while so many of its chunks wait for the model."""

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


class Reader(Protocol):
    """A recording being decoded; see :class:`workers.whisper.audio.decoding.AudioReader`."""

    ended: bool

    def read(self, samples: int) -> Samples:
        """About so many more samples."""

    def close(self) -> None:
        """Free the decoder."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What preparing takes: a decoder, a detector of speech and the model's features."""

    open: Callable[[memoryview], Reader]
    detect_speech: DetectSpeech
    features: Callable[[Samples], Features]


class Preparation:
    """The work on one recording, in slices of a fraction of a second.

    ``delivered`` leading chunks were transcribed elsewhere. With ``needs_one`` the last of them is handed over as a
    silent one if no other is left, so that there is something to tell the language from.
    """

    def __init__(self, data: memoryview, vad: bool, delivered: int, needs_one: bool, tools: Tools) -> None:
        self._data = data
        self._tools = tools
        self._delivered = delivered
        self._needs_one = needs_one
        self._reader: Reader | None = None
        self._chunker: VoiceChunker | SequentialChunker = (
            VoiceChunker(tools.detect_speech) if vad else SequentialChunker()
        )
        self._skipped: Chunk | None = None
        self._decoded = 0
        self._ended = False
        self.ahead = 0
        self.go_on_at: float | None = None

    @property
    def runnable(self) -> bool:
        """Whether :meth:`advance` has something to do now."""
        if self._ended or self.ahead >= LOOK_AHEAD_CHUNKS:
            return False
        return self.go_on_at is not None or not self._chunker.waits

    def advance(self) -> list[Notice]:
        """Do one slice of the work."""
        try:
            return self._advance()
        except JobError as error:
            self.end()
            return [error.failed]

    def end(self) -> None:
        """Free what is held; nothing more will be asked."""
        self._ended = True
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._data = memoryview(b"")

    def _advance(self) -> list[Notice]:
        if self._reader is None:
            self._reader = self._tools.open(self._data)
            return [Opened()]
        if self.go_on_at is not None and isinstance(self._chunker, SequentialChunker):
            self._chunker.go_on(round(self.go_on_at * SAMPLE_RATE))
            self.go_on_at = None
        if self._chunker.wants_audio:
            self._decode(self._reader)
        chunk = self._chunker.take()
        if chunk is not None:
            return self._hand_over(chunk)
        return self._finish() if self._chunker.exhausted else []

    def _decode(self, reader: Reader) -> None:
        samples = reader.read(SLICE_SAMPLES)
        self._decoded += len(samples)
        self._chunker.add(samples)
        if reader.ended:
            self._chunker.finish()

    def _hand_over(self, chunk: Chunk) -> list[Notice]:
        silent = chunk.index < self._delivered
        if silent and isinstance(self._chunker, VoiceChunker):
            self._skipped = chunk
            return []
        self._needs_one = False
        return [self._prepared(chunk, silent)]

    def _finish(self) -> list[Notice]:
        notices: list[Notice] = []
        if self._skipped is not None and self._needs_one:
            notices.append(self._prepared(self._skipped, silent=True))
        self.end()
        return [*notices, Prepared(self._decoded / SAMPLE_RATE, self._chunker.speech_samples / SAMPLE_RATE)]

    def _prepared(self, chunk: Chunk, silent: bool) -> PreparedChunk:
        features = self._tools.features(chunk.samples)
        speech = tuple((start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in chunk.speech)
        return PreparedChunk(chunk.index, chunk.start_s, chunk.duration_s, features, silent, speech)
