from __future__ import annotations

import pytest

from workers.whisper.transcription.fallback import RETRY_TEMPERATURES, Attempt, Verdict, choose, judge, next_temperature

VARIED = "Ask not what your country can do for you, ask what you can do for your country."


def attempt(logprob: float = -0.3, text: str = VARIED, no_speech: float = 0.0, temperature: float = 0.0) -> Attempt:
    return Attempt(temperature, [1, 2, 3], text, logprob, no_speech)


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (attempt(), Verdict.GOOD),
        (attempt(logprob=-1.1), Verdict.POOR),
        (attempt(text="and so on, " * 20), Verdict.POOR),
        (attempt(logprob=-1.1, no_speech=0.7), Verdict.SILENCE),
        (attempt(logprob=-0.9, no_speech=0.9), Verdict.GOOD),
    ],
)
def test_judging(made: Attempt, verdict: Verdict) -> None:
    assert judge(made) is verdict


def test_a_poor_attempt_is_followed_by_ever_higher_temperatures_and_then_an_end() -> None:
    attempts: list[Attempt] = []
    tried = []
    while (temperature := next_temperature(0.0, attempts)) is not None:
        tried.append(temperature)
        attempts.append(attempt(logprob=-2.0, temperature=temperature))
    assert tried == [0.0, *RETRY_TEMPERATURES]


@pytest.mark.parametrize("made", [attempt(), attempt(logprob=-2.0, no_speech=0.9)])
def test_a_good_attempt_and_silence_need_no_further_attempt(made: Attempt) -> None:
    assert next_temperature(0.0, [made]) is None


def test_a_requested_temperature_is_used_once() -> None:
    assert next_temperature(0.7, []) == 0.7
    assert next_temperature(0.7, [attempt(logprob=-3.0)]) is None


def test_of_poor_attempts_the_most_probable_non_repetitive_one_is_used() -> None:
    repeating = attempt(logprob=-0.1, text="and so on, " * 20)
    likely, unlikely = attempt(logprob=-1.2), attempt(logprob=-1.5)
    assert choose([repeating, likely, unlikely]) is likely
    assert choose([repeating]) is repeating
