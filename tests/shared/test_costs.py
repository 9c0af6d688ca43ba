"""What jobs cost, as estimated before they run."""

from __future__ import annotations

from shared.costs import PICTURE_TOKENS, estimate_text, text_tokens
from shared.wire.jobs import TextJob

PICTURE, RECORDING = {"type": "image", "blob": 0}, {"type": "audio", "blob": 0}


def chat(*parts: dict[str, object]) -> TextJob:
    return TextJob(messages=[{"role": "user", "content": list(parts) or "Look"}], max_tokens=10)


def test_pictures_cost_tokens_whatever_their_size() -> None:
    plain = text_tokens(chat()).prompt
    assert text_tokens(chat(PICTURE, PICTURE), 10_000_000).prompt - plain > 2 * PICTURE_TOKENS - 100
    assert estimate_text(chat(PICTURE), 10) == estimate_text(chat(PICTURE), 10_000_000)


def test_recordings_cost_tokens_by_their_size() -> None:
    short, long = (text_tokens(chat(RECORDING), size).prompt for size in (160_000, 1_600_000))
    assert 100 < short < long / 5
