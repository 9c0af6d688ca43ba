"""What jobs cost, as estimated before they run."""

from __future__ import annotations

from typing import Any

from shared.costs import PICTURE_TOKENS, estimate_images, estimate_text, text_tokens
from shared.wire.jobs import ImageJob, TextJob
from shared.wire.pictures import Hires

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


def image(**fields: Any) -> float:
    values = {"prompt": "", "width": 512, "height": 512, "steps": 20, "cfg_scale": 1.0, **fields}
    return estimate_images(ImageJob(**values))


def test_a_picture_costs_its_steps_and_its_decoding() -> None:
    assert image() == (20 + 1) * 64
    assert image(width=1024) == 2 * image()


def test_guidance_doubles_the_steps_of_a_picture() -> None:
    assert image(cfg_scale=7.0) == image(cfg_scale=None) == (2 * 20 + 1) * 64


def test_a_picture_costs_what_of_it_is_changed_and_a_second_pass() -> None:
    assert image(init=0, strength=0.5) == (10 + 2) * 64
    assert image(hires=Hires(scale=2.0, steps=10)) == (20 / 4 + 10 + 2) * 64


def test_the_prompt_of_a_picture_counts() -> None:
    assert image(prompt="a" * 4000) == image() + 1000
