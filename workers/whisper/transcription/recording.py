"""The state of one recording in transcription: its language, its chunks in work, its segments in order."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass, field

from shared.wire.jobs import SpeechJob
from shared.wire.payloads import Done, FinishReason, Payload, Recording, Segment
from workers.engine import Party
from workers.whisper.audio.notices import Prepared, PreparedChunk
from workers.whisper.transcription.fallback import Attempt, choose, next_temperature
from workers.whisper.transcription.hearing import Allowance, Hearing
from workers.whisper.transcription.model import Encoded

UNDETERMINED = "und"
"""The language of a recording without speech (ISO 639-2)."""


@dataclass(slots=True)
class Transcription:
    """The transcription of one recording.

    ``language`` is None until it is detected. Segments are emitted in order: those of chunks after ``next_chunk`` are
    held back. ``in_work`` counts the chunks that are prepared but not transcribed. ``generated`` counts tokens.
    ``allowance`` limits how often speech without text is heard again.
    """

    job_id: str
    work: SpeechJob
    language: str | None
    prompt: list[int]
    received_at_s: float
    party: Party
    next_chunk: int = 0
    language_probability: float = 1.0
    begun: bool = False
    in_work: int = 0
    prepared: Prepared | None = None
    generated: int = 0
    ttft_s: float | None = None
    allowance: Allowance = field(default_factory=Allowance)
    _held: dict[int, list[Segment]] = field(default_factory=dict)

    def finish_chunk(self, item: PendingChunk) -> list[Payload]:
        """Take the segments of a transcribed chunk; returns the segments that can now be emitted."""
        self.in_work -= 1
        if item.chunk.silent:
            return []
        self._held[item.chunk.index] = item.hearing.segments
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

    ``encoded`` is the encoder's output, kept for the next attempt. ``hearing`` is what is known of the chunk's text;
    ``chunk`` is only a part of the chunk if that part is heard ``again``.
    """

    transcription: Transcription
    chunk: PreparedChunk
    attempts: list[Attempt] = field(default_factory=list)
    encoded: Encoded | None = None
    again: bool = False
    hearing: Hearing = field(default_factory=Hearing)

    @property
    def job_id(self) -> str:
        """The recording's job."""
        return self.transcription.job_id

    @property
    def party(self) -> Party:
        """Whose recording it is."""
        return self.transcription.party

    @property
    def temperature(self) -> float | None:
        """The temperature of the next attempt; None if no further attempt is needed."""
        return self._temperature_after(self.attempts)

    def heard(self, segments: list[Segment]) -> PendingChunk | None:
        """Add the segments of ``chunk``. Returns the next part to hear again, as its speech has no text."""
        if self.chunk.silent:
            return None
        transcription, allowance = self.transcription, self.transcription.allowance
        transcription.generated += len(self.attempts[-1].tokens)
        if not self.again:
            allowance.chunk_heard()
            self.hearing.begin(self.chunk, segments, choose(self.attempts))
        else:
            allowance.again_heard(found=self.hearing.add(self.chunk, segments, choose(self.attempts)))
        part = self.hearing.unheard() if allowance.left else None
        if part is None:
            return None
        return PendingChunk(transcription, part, again=True, hearing=self.hearing)

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
