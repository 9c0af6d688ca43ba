"""The state of one recording in transcription: its language, its chunks in work, its segments in order."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.wire.jobs import SpeechJob
from shared.wire.payloads import Done, FinishReason, Payload, Recording, Segment
from workers.whisper.audio.notices import Prepared, PreparedChunk
from workers.whisper.transcription.fallback import Attempt, next_temperature

if TYPE_CHECKING:
    from workers.whisper.transcription.model import Encoded

UNDETERMINED = "und"
"""The language of a recording without speech (ISO 639-2)."""

MIN_REST_S = 2.0
"""With at least this much speech left after the model's last word, the rest of a chunk is transcribed again."""

MIN_PROGRESS_S = 1.0
"""A chunk whose text covers less than this is not transcribed again: it would give the same result."""


@dataclass(slots=True)
class Transcription:
    """The transcription of one recording.

    ``language`` is None until it is detected. Segments are emitted in order: those of chunks after ``next_chunk`` are
    held back. ``in_work`` counts the chunks that are prepared but not transcribed. ``generated`` counts tokens.
    """

    job_id: str
    work: SpeechJob
    language: str | None
    prompt: list[int]
    received_at_s: float
    next_chunk: int = 0
    language_probability: float = 1.0
    begun: bool = False
    in_work: int = 0
    prepared: Prepared | None = None
    generated: int = 0
    ttft_s: float | None = None
    _held: dict[int, list[Segment]] = field(default_factory=dict)

    def finish_chunk(self, item: PendingChunk, segments: list[Segment]) -> list[Payload]:
        """Add the segments of a transcribed chunk; returns the segments that can now be emitted."""
        self.in_work -= 1
        if item.chunk.silent:
            return []
        self._held[item.chunk.index] = segments
        self.generated += len(item.attempts[-1].tokens)
        emitted: list[Payload] = []
        while self.next_chunk in self._held:
            emitted += self._held.pop(self.next_chunk)
            self.next_chunk += 1
        if emitted and self.ttft_s is None:
            self.ttft_s = time.monotonic() - self.received_at_s
        return emitted

    def ending(self) -> list[Payload]:
        """The last events once all chunks are transcribed; empty before that."""
        if self.prepared is None or self.in_work:
            return []
        language = self.language or UNDETERMINED
        probability = self.language_probability if self.language else 0.0
        ttft_s = self.ttft_s if self.ttft_s is not None else time.monotonic() - self.received_at_s
        return [
            Recording(language, probability, self.prepared.duration_s, self.prepared.speech_s),
            Done(FinishReason.STOP, 0, 0, self.generated, ttft_s),
        ]


@dataclass(slots=True, eq=False)
class PendingChunk:
    """A chunk that waits for the model, with the attempts made so far.

    ``encoded`` is the encoder's output, kept for the next attempt. ``earlier`` is None for a whole chunk; for the
    rest of a chunk it holds the segments before it.
    """

    transcription: Transcription
    chunk: PreparedChunk
    attempts: list[Attempt] = field(default_factory=list)
    encoded: Encoded | None = None
    earlier: list[Segment] | None = None

    @property
    def job_id(self) -> str:
        """The recording's job."""
        return self.transcription.job_id

    @property
    def temperature(self) -> float | None:
        """The temperature of the next attempt; None if no further attempt is needed."""
        return self._temperature_after(self.attempts)

    def rest(self, segments: list[Segment], heard_s: float) -> PendingChunk | None:
        """The part after ``heard_s`` if it holds speech. The model may end its text long before the speech ends."""
        chunk = self.chunk
        if chunk.silent or heard_s < MIN_PROGRESS_S or chunk.speech_after_s(heard_s) < MIN_REST_S:
            return None
        self.transcription.generated += len(self.attempts[-1].tokens)
        return PendingChunk(self.transcription, chunk.rest_after(heard_s), earlier=[*(self.earlier or []), *segments])

    def needs_encoded(self, attempt: Attempt) -> bool:
        """Whether the encoder's output is needed after ``attempt``: for another one, or for word times."""
        return self.wants_words or self._temperature_after([*self.attempts, attempt]) is not None

    def add_attempt(self, attempt: Attempt, encoded: Encoded | None) -> None:
        """Keep an attempt, and the encoder's output if it is still needed."""
        self.attempts.append(attempt)
        self.encoded = encoded

    @property
    def wants_words(self) -> bool:
        """Whether the request asks for word times."""
        return self.transcription.work.words

    @property
    def key(self) -> Hashable:
        """What all chunks of a batch have in common: how they are decoded, and at which position their text begins."""
        beam_size = 1 if self.temperature else self.transcription.work.beam_size
        return beam_size, self.temperature, len(self.transcription.prompt), self.encoded is None

    def _temperature_after(self, attempts: list[Attempt]) -> float | None:
        return next_temperature(self.transcription.work.temperature, attempts)
