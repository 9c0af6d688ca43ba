"""Judge what the model wrote, and choose among attempts at higher and higher temperatures.

The figures are Whisper's own (section 4.5 of https://arxiv.org/abs/2212.04356 and its reference implementation).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum

RETRY_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""What follows where beam search (temperature 0) gives a poor result."""

MAX_COMPRESSION_RATIO = 2.4
MIN_AVG_LOGPROB = -1.0
MAX_NO_SPEECH_PROB = 0.6


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the model wrote for a chunk at one temperature."""

    temperature: float
    tokens: list[int]
    text: str
    avg_logprob: float
    no_speech_prob: float

    @property
    def compression_ratio(self) -> float:
        """How much shorter the text is when compressed; high where it repeats itself."""
        raw = self.text.strip().encode()
        return len(raw) / len(zlib.compress(raw))


class Verdict(StrEnum):
    """What an attempt is good for."""

    GOOD = "good"
    POOR = "poor"
    SILENCE = "silence"


def judge(attempt: Attempt) -> Verdict:
    """Whether an attempt is silence taken for speech, poor (improbable or repeating itself), or good."""
    improbable = attempt.avg_logprob < MIN_AVG_LOGPROB
    if improbable and attempt.no_speech_prob > MAX_NO_SPEECH_PROB:
        return Verdict.SILENCE
    return Verdict.POOR if improbable or attempt.compression_ratio > MAX_COMPRESSION_RATIO else Verdict.GOOD


def next_temperature(asked: float, attempts: list[Attempt]) -> float | None:
    """The temperature to try next after ``attempts``; None when one of them is to be taken.

    A temperature above 0 that was ``asked`` for is used once, whatever comes out.
    """
    if not attempts:
        return asked
    if asked > 0 or judge(attempts[-1]) is not Verdict.POOR or len(attempts) > len(RETRY_TEMPERATURES):
        return None
    return RETRY_TEMPERATURES[len(attempts) - 1]


def choose(attempts: list[Attempt]) -> Attempt:
    """The attempt to take: the last unless it is poor, else the most probable one that does not repeat itself."""
    if judge(attempts[-1]) is not Verdict.POOR:
        return attempts[-1]
    varied = [attempt for attempt in attempts if attempt.compression_ratio <= MAX_COMPRESSION_RATIO]
    return max(varied or attempts, key=lambda attempt: attempt.avg_logprob)
