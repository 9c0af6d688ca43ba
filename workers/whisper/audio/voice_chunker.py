"""Cut a recording into chunks of speech, found by voice detection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from workers.whisper.audio.pcm import CHUNK_SAMPLES, SAMPLE_RATE, Chunk, Region, SampleBuffer, Samples

WINDOW_SAMPLES = 120 * SAMPLE_RATE
"""The length of recording passed to the voice detector in one call."""

MIN_CHUNK_SAMPLES = 2 * CHUNK_SAMPLES // 3
"""A full chunk is cut after at least this length, or at an earlier long pause."""

LONG_PAUSE_SAMPLES = 2 * SAMPLE_RATE

LEAD_IN_SAMPLES = 2 * SAMPLE_RATE // 5
"""A chunk begins up to this much before its speech: the model may pass over a sentence whose first sound is cut."""

MAX_SPEECH_SAMPLES = CHUNK_SAMPLES - LEAD_IN_SAMPLES

LEAD_SAMPLES = SAMPLE_RATE
"""The end of a silent window is searched again with the next one, for speech that begins at the boundary."""

DetectSpeech = Callable[[Samples], list[Region]]


class VoiceChunker:
    """Joins neighbouring stretches of speech, and the silence between them, into chunks of at most 30 s.

    A full chunk ends at the longest pause in its last third, or at an earlier longer one, so that sentences are rarely
    cut. It begins a little before its speech, with sound that is not the previous chunk's. Silence in place of missing
    sound makes the model worse. A stretch that reaches the end of the detector's window is detected again as a whole
    in the next window, so the chunks depend on the recording alone, not on the sizes in which it is added.
    """

    def __init__(self, detect: DetectSpeech, window_samples: int = WINDOW_SAMPLES) -> None:
        self._detect = detect
        self._window_samples = window_samples
        self._buffer = SampleBuffer()
        self._window_start = 0
        self._finished = False
        self._open: list[Region] = []
        self._closed: deque[Chunk] = deque()
        self._closed_to = 0
        self._count = 0
        self.speech_samples = 0

    def add(self, samples: Samples) -> None:
        """Add the next samples of the recording."""
        self._buffer.append(samples)

    def finish(self) -> None:
        """The recording has no more samples."""
        self._finished = True

    @property
    def wants_audio(self) -> bool:
        """Whether the next chunk needs more samples."""
        return not self._finished and not self._closed and self._buffer.end - self._window_start < self._window_samples

    @property
    def waits(self) -> bool:
        """False: the next chunk does not depend on the text of the previous one."""
        return False

    @property
    def exhausted(self) -> bool:
        """Whether all chunks have been taken."""
        whole = self._finished and self._window_start >= self._buffer.end
        return whole and not self._closed and not self._open

    def take(self) -> Chunk | None:
        """The next chunk, running the detector on one more window if needed; None if there is none yet."""
        if not self._closed and not self.wants_audio and not self.exhausted:
            self._detect_window()
        return self._closed.popleft() if self._closed else None

    def _detect_window(self) -> None:
        start = self._window_start
        end = min(start + self._window_samples, self._buffer.end)
        last = self._finished and end == self._buffer.end
        regions = [(start + first, start + after) for first, after in self._detect(self._buffer.between(start, end))]
        if last:
            self._window_start = end
        elif regions and regions[-1][1] >= end and regions[-1][0] > start:
            self._window_start = regions.pop()[0]
        else:
            self._window_start = max(end - LEAD_SAMPLES, regions[-1][1] if regions else start + 1)
        for region in regions:
            self._gather(*region)
        if last:
            self._close(len(self._open))
        self._buffer.drop_before(self._own_sound(self._open[0][0] if self._open else self._window_start))

    def _gather(self, start: int, end: int) -> None:
        self.speech_samples += end - start
        for cut in range(start, end, MAX_SPEECH_SAMPLES):
            region = (cut, min(cut + MAX_SPEECH_SAMPLES, end))
            while self._open and region[1] - self._open[0][0] > MAX_SPEECH_SAMPLES:
                self._close(self._best_cut(region))
            self._open.append(region)

    def _best_cut(self, following: Region) -> int:
        """How many of the open stretches to close as a chunk, as ``following`` no longer fits."""
        begun = self._open[0][0]
        starts = [start for start, _ in [*self._open[1:], following]]
        pauses = {
            count: start - end
            for count, (start, (_, end)) in enumerate(zip(starts, self._open, strict=True), 1)
            if end - begun >= MIN_CHUNK_SAMPLES or start - end >= LONG_PAUSE_SAMPLES or count == len(self._open)
        }
        return max(pauses, key=lambda count: (pauses[count], count))

    def _close(self, count: int) -> None:
        """Make a chunk of the first ``count`` open stretches."""
        if not count:
            return
        speech = tuple(self._open[:count])
        start, end = speech[0][0], speech[-1][1]
        begin = self._own_sound(start)
        self._closed.append(Chunk(self._count, begin, self._buffer.between(begin, end), speech))
        self._closed_to = end
        self._count += 1
        del self._open[:count]

    def _own_sound(self, start: int) -> int:
        """Where the sound of a chunk begins whose speech begins at ``start``."""
        return max(self._closed_to, start - LEAD_IN_SAMPLES)
