"""Prompts of pictures that take the library a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.wire.payloads import Done
from tests.support.tiny_sd import tiny_sd
from tests.support.workers.diffusion_jobs import image_job, run
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions


@pytest.mark.timeout(900)
def test_a_long_prompt_does_not_overflow_the_stack(tmp_path: Path) -> None:
    """The library splits it by a regular expression that recurses for each byte."""
    engine = DiffusionEngine(DiffusionOptions(str(tiny_sd()), "tiny", threads=2, lora_folder=str(tmp_path)))
    engine.load(lambda fraction: None)
    outcome = run(engine, image_job(prompt="\U00012000" * 4000 + " " * 36_000, steps=1))
    engine.close()
    assert isinstance(outcome.events[-1], Done)
