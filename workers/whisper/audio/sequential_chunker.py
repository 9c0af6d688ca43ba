"""Cut a recording as Whisper itself does: each chunk begins where the text of the one before ended."""

from __future__ import annotations

from workers.whisper.audio.pcm import CHUNK_SAMPLES, SAMPLE_RATE, Chunk, SampleBuffer, Samples

MIN_SAMPLES = SAMPLE_RATE // 10
"""A shorter remainder at the end holds no word."""


class SequentialChunker:
    """Chunks of 30 s, one at a time: after each, :meth:`go_on` says where the next begins."""

    def __init__(self) -> None:
        self._buffer = SampleBuffer()
        self._next_start = 0
        self._finished = False
        self._count = 0
        self.waits = False

    def add(self, samples: Samples) -> None:
        """Take what follows of the recording."""
        self._buffer.append(samples)

    def finish(self) -> None:
        """There is no more."""
        self._finished = True

    def go_on(self, start: int) -> None:
        """The chunk that was taken is transcribed up to ``start``."""
        self._next_start = start
        self._buffer.drop_before(min(start, self._buffer.end))
        self.waits = False

    @property
    def wants_audio(self) -> bool:
        """Whether more of the recording is needed for the next chunk."""
        return not self._finished and not self.waits and self._buffer.end - self._next_start < CHUNK_SAMPLES

    @property
    def exhausted(self) -> bool:
        """Whether the last chunk has been taken and transcribed."""
        return self._finished and not self.waits and self._buffer.end - self._next_start < MIN_SAMPLES

    @property
    def speech_samples(self) -> int:
        """How much is taken for speech: everything."""
        return self._buffer.end

    def take(self) -> Chunk | None:
        """The next chunk, if it is there and may begin."""
        if self.waits or self.wants_audio or self.exhausted:
            return None
        self.waits = True
        end = min(self._next_start + CHUNK_SAMPLES, self._buffer.end)
        chunk = Chunk(self._count, self._next_start, self._buffer.between(self._next_start, end))
        self._count += 1
        return chunk
