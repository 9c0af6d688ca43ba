"""Prepare one recording for the model: decode it, cut it into chunks, compute their spectrograms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.wire.payloads import JobError
from workers.whisper.audio.notices import Features, Notice, Opened, Prepared, PreparedChunk
from workers.whisper.audio.pcm import SAMPLE_RATE, Chunk, Samples
from workers.whisper.audio.sequential_chunker import SequentialChunker
from workers.whisper.audio.voice_chunker import DetectSpeech, VoiceChunker

SLICE_SAMPLES = 30 * SAMPLE_RATE
"""The length decoded in one turn, before another recording's turn."""

MAX_CHUNKS_AHEAD = 8
"""The most chunks of a recording that may wait for the model; preparation pauses there."""


class RecordingDecoder(Protocol):
    """What preparation needs of :class:`workers.whisper.audio.decoder.AudioDecoder`."""

    ended: bool

    def read(self, samples: int) -> Samples:
        """About ``samples`` more samples."""

    def close(self) -> None:
        """Free the decoder."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What preparation uses: a decoder, a voice detector and the model's feature extractor."""

    open: Callable[[memoryview], RecordingDecoder]
    detect_speech: DetectSpeech
    features: Callable[[Samples], Features]


class Preparation:
    """The preparation of one recording, in slices of a fraction of a second.

    The first ``delivered`` chunks were transcribed by another worker and are skipped. If none is left and ``needs_one``
    is set, the last of them is reported as a silent chunk, so that the language can be detected from it. ``ahead``
    counts reported chunks that the model has not taken yet. ``next_start_s`` is where the next chunk begins, once the
    text of the previous one is known (only without voice detection).
    """

    def __init__(self, data: memoryview, vad: bool, delivered: int, needs_one: bool, tools: Tools) -> None:
        self._data = data
        self._tools = tools
        self._delivered = delivered
        self._needs_one = needs_one
        self._decoder: RecordingDecoder | None = None
        self._chunker: VoiceChunker | SequentialChunker = (
            VoiceChunker(tools.detect_speech) if vad else SequentialChunker()
        )
        self._skipped: Chunk | None = None
        self._decoded = 0
        self._ended = False
        self.ahead = 0
        self.next_start_s: float | None = None

    @property
    def runnable(self) -> bool:
        """Whether :meth:`advance` has work to do now."""
        if self._ended or self.ahead >= MAX_CHUNKS_AHEAD:
            return False
        return self.next_start_s is not None or not self._chunker.waits

    def advance(self) -> list[Notice]:
        """Do one slice of work and return what came of it."""
        try:
            return self._advance()
        except JobError as error:
            self.end()
            return [error.failed]

    def end(self) -> None:
        """Stop and free the decoder and the bytes."""
        self._ended = True
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None
        self._data = memoryview(b"")

    def _advance(self) -> list[Notice]:
        if self._decoder is None:
            self._decoder = self._tools.open(self._data)
            return [Opened()]
        if self.next_start_s is not None and isinstance(self._chunker, SequentialChunker):
            self._chunker.continue_at(round(self.next_start_s * SAMPLE_RATE))
            self.next_start_s = None
        if self._chunker.wants_audio:
            self._decode(self._decoder)
        chunk = self._chunker.take()
        if chunk is not None:
            return self._report(chunk)
        return self._finish() if self._chunker.exhausted else []

    def _decode(self, decoder: RecordingDecoder) -> None:
        samples = decoder.read(SLICE_SAMPLES)
        self._decoded += len(samples)
        self._chunker.add(samples)
        if decoder.ended:
            self._chunker.finish()

    def _report(self, chunk: Chunk) -> list[Notice]:
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
