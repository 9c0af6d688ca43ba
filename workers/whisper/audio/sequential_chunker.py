"""Cut a recording as Whisper's own code does: each chunk begins where the text of the previous one ended."""

from __future__ import annotations

from workers.whisper.audio.pcm import CHUNK_SAMPLES, SAMPLE_RATE, Chunk, SampleBuffer, Samples

MIN_SAMPLES = SAMPLE_RATE // 10
"""A shorter remainder at the end is ignored: it holds no word."""


class SequentialChunker:
    """Chunks of 30 s, one at a time; :meth:`continue_at` says where the next one begins."""

    def __init__(self) -> None:
        self._buffer = SampleBuffer()
        self._next_start = 0
        self._finished = False
        self._count = 0
        self.waits = False

    def add(self, samples: Samples) -> None:
        """Add the next samples of the recording."""
        self._buffer.append(samples)

    def finish(self) -> None:
        """The recording has no more samples."""
        self._finished = True

    def continue_at(self, start: int) -> None:
        """The last chunk is transcribed up to sample ``start`` of the recording."""
        self._next_start = start
        self._buffer.drop_before(min(start, self._buffer.end))
        self.waits = False

    @property
    def wants_audio(self) -> bool:
        """Whether the next chunk needs more samples."""
        return not self._finished and not self.waits and self._buffer.end - self._next_start < CHUNK_SAMPLES

    @property
    def exhausted(self) -> bool:
        """Whether the last chunk has been taken and transcribed."""
        return self._finished and not self.waits and self._buffer.end - self._next_start < MIN_SAMPLES

    @property
    def speech_samples(self) -> int:
        """All samples: without voice detection, everything counts as speech."""
        return self._buffer.end

    def take(self) -> Chunk | None:
        """The next chunk; None while samples or the previous chunk's text are missing, and at the end."""
        if self.waits or self.wants_audio or self.exhausted:
            return None
        self.waits = True
        end = min(self._next_start + CHUNK_SAMPLES, self._buffer.end)
        chunk = Chunk(self._count, self._next_start, self._buffer.between(self._next_start, end))
        self._count += 1
        return chunk
