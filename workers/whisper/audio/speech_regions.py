"""From the probabilities of speech, window by window, to stretches of speech."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from workers.whisper.audio.pcm import SAMPLE_RATE, Region
from workers.whisper.audio.voice_chunker import MAX_SPEECH_SAMPLES

WINDOW_SAMPLES = 512
"""How much of the recording one probability is about."""

MIN_SPEECH = 0.5
"""Speech begins with a probability of at least this."""

MAX_SILENCE = 0.35
"""Silence begins with a probability below this. Between both, what was before goes on."""

MIN_PAUSE_SAMPLES = 160 * SAMPLE_RATE // 1000
"""A stretch of speech ends before a silence of this length."""

MIN_CUT_SAMPLES = 98 * SAMPLE_RATE // 1000
"""A stretch that becomes too long is cut at its last silence longer than this."""

PAD_SAMPLES = 2 * SAMPLE_RATE // 5
"""Stretches begin and end this much outside of their speech, unless they would overlap."""

MAX_UNPADDED_SAMPLES = MAX_SPEECH_SAMPLES - WINDOW_SAMPLES - 2 * PAD_SAMPLES


@dataclass(slots=True)
class _Finder:
    """The stretches so far, and the open one: from ``start``, perhaps silent since ``silent``.

    ``cut`` is where it ends if it becomes too long, and ``resume`` where speech went on after that.
    """

    found: list[Region] = field(default_factory=list)
    start: int | None = None
    silent: int | None = None
    cut: int | None = None
    resume: int | None = None

    def hear(self, at: int, probability: float) -> None:
        """Take the probability of the window that begins at sample ``at``."""
        if probability >= MIN_SPEECH:
            self._speech(at)
        if self.start is not None and at - self.start > MAX_UNPADDED_SAMPLES:
            if self.cut is None:
                self.close(at, None)
                return
            self.close(self.cut, self.resume)
        if self.start is not None and probability < MAX_SILENCE:
            self._silence(at)

    def close(self, end: int, start: int | None) -> None:
        """End the open stretch, and begin the next one at ``start`` if given."""
        assert self.start is not None
        self.found.append((self.start, end))
        self.start = start
        self.silent = self.cut = self.resume = None

    def _speech(self, at: int) -> None:
        self.silent = None
        if self.start is None:
            self.start = at
        elif self.cut is not None and self.resume is None:
            self.resume = at

    def _silence(self, at: int) -> None:
        if self.silent is None:
            self.silent = at
        if at - self.silent > MIN_CUT_SAMPLES:
            self.cut, self.resume = self.silent, None
        if at - self.silent >= MIN_PAUSE_SAMPLES:
            self.close(self.silent, None)


def find_regions(probabilities: Iterable[float], samples: int) -> list[Region]:
    """The stretches of speech in a recording of ``samples`` samples, given the probability of each window."""
    finder = _Finder()
    for index, probability in enumerate(probabilities):
        finder.hear(index * WINDOW_SAMPLES, float(probability))
    if finder.start is not None:
        finder.close(samples, None)
    return _padded(finder.found, samples)


def _padded(regions: list[Region], samples: int) -> list[Region]:
    """The regions, longer by ``PAD_SAMPLES`` at both ends; neighbours share a short pause."""
    pauses = [after - end for (_, end), (after, _) in pairwise(regions)]
    pads = [PAD_SAMPLES, *(min(PAD_SAMPLES, pause // 2) for pause in pauses), PAD_SAMPLES][: len(regions) + 1]
    return [
        (max(0, start - before), min(samples, end + after))
        for (start, end), (before, after) in zip(regions, pairwise(pads), strict=True)
    ]
