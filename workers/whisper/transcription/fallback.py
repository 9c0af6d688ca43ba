"""Judge the model's text, retry poor text at higher temperatures, and choose among the attempts.

The thresholds are Whisper's (section 4.5 of https://arxiv.org/abs/2212.04356 and its reference implementation).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum

RETRY_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""The temperatures tried in turn when beam search (temperature 0) gives poor text."""

MAX_COMPRESSION_RATIO = 2.4
MIN_AVG_LOGPROB = -1.0
MAX_NO_SPEECH_PROB = 0.6


@dataclass(frozen=True, slots=True)
class Attempt:
    """The model's text for a chunk at one temperature.

    ``avg_logprob`` is the mean log-probability of its tokens, ``no_speech_prob`` the probability that nobody speaks.
    """

    temperature: float
    tokens: list[int]
    text: str
    avg_logprob: float
    no_speech_prob: float

    @property
    def compression_ratio(self) -> float:
        """Length of the text divided by its length when compressed; high for text that repeats itself."""
        raw = self.text.strip().encode()
        return len(raw) / len(zlib.compress(raw))


class Verdict(StrEnum):
    """The quality of an attempt."""

    GOOD = "good"
    POOR = "poor"
    SILENCE = "silence"


def judge(attempt: Attempt) -> Verdict:
    """Whether an attempt is silence mistaken for speech, poor (improbable or repetitive), or good."""
    improbable = attempt.avg_logprob < MIN_AVG_LOGPROB
    if improbable and attempt.no_speech_prob > MAX_NO_SPEECH_PROB:
        return Verdict.SILENCE
    return Verdict.POOR if improbable or attempt.compression_ratio > MAX_COMPRESSION_RATIO else Verdict.GOOD


def next_temperature(asked: float, attempts: list[Attempt]) -> float | None:
    """The temperature of the next attempt; None if no further attempt is needed.

    If the request ``asked`` for a temperature above 0, there is one attempt at that temperature.
    """
    if not attempts:
        return asked
    if asked > 0 or judge(attempts[-1]) is not Verdict.POOR or len(attempts) > len(RETRY_TEMPERATURES):
        return None
    return RETRY_TEMPERATURES[len(attempts) - 1]


def choose(attempts: list[Attempt]) -> Attempt:
    """The attempt to use: the last one unless it is poor, otherwise the most probable non-repetitive one."""
    if judge(attempts[-1]) is not Verdict.POOR:
        return attempts[-1]
    varied = [attempt for attempt in attempts if attempt.compression_ratio <= MAX_COMPRESSION_RATIO]
    return max(varied or attempts, key=lambda attempt: attempt.avg_logprob)
