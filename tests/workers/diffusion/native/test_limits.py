"""What a picture may take of memory and time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.memory.pictures.needs import PaintingNeeds
from shared.wire.payloads import Done, Failed, JobError
from tests.support.workers.diffusion_jobs import image_job, run
from workers.diffusion.keeper import engine as keeper_engine
from workers.diffusion.keeper.engine import KeptDiffusionEngine
from workers.diffusion.native import rules
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions
from workers.engine import EngineLoadError
from workers.main_memory import MainMemory


@pytest.mark.parametrize(
    ("needs", "side", "expected"),
    [
        (PaintingNeeds(is_tiny=True), 512, 2_000 * 512**2),
        (PaintingNeeds(), 1024, 6_656 * 1024**2),
        (PaintingNeeds(), 2048, 600 * 2048**2),
        (PaintingNeeds(tiled_above=None), 2048, 6_656 * 2048**2),
        (PaintingNeeds(has_full_attention=True), 2048, 32 * (2048**2 // 64) ** 2 + 600 * 2048**2),
    ],
)
def test_memory_grows_with_the_pixels(needs: PaintingNeeds, side: int, expected: int) -> None:
    assert needs.bytes_for(side, side) == expected


def test_a_picture_that_does_not_fit_is_refused_with_the_figures(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = DiffusionEngine(DiffusionOptions(str(checkpoint), "tiny", 2), PaintingNeeds(is_tiny=True))
    monkeypatch.setattr(rules, "main_memory", lambda: MainMemory(1_000_000_000, 2_000_000_000))
    engine.submit(image_job(width=512, height=512))
    with pytest.raises(JobError, match=r"1024x1024, which takes about 2\.1 GB, and 1\.0 GB are free") as refused:
        engine.submit(image_job(width=1024, height=1024))
    assert (refused.value.failed.status, refused.value.failed.param) == (400, "size")


def test_a_model_that_does_not_fit_is_not_loaded(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_engine, "main_memory", lambda: MainMemory(100_000_000, 200_000_000))
    with pytest.raises(EngineLoadError, match=r"not enough memory: its weights take 0\.5 GB, and 0\.1 GB are free"):
        KeptDiffusionEngine(DiffusionOptions(str(checkpoint), "tiny", 2)).load(lambda fraction: None)


@pytest.fixture(scope="module")
def hurried(checkpoint: Path) -> Iterator[DiffusionEngine]:
    """The small checkpoint, whose pictures may take a minute."""
    engine = KeptDiffusionEngine(DiffusionOptions(str(checkpoint), "tiny", 2), max_picture_s=60.0)
    engine.load(lambda fraction: None)
    yield engine
    engine.close()


def test_a_picture_that_would_take_too_long_is_stopped(hurried: DiffusionEngine) -> None:
    failed = run(hurried, image_job(steps=100_000)).events[-1]
    assert isinstance(failed, Failed)
    assert (failed.status, failed.code) == (400, "picture_too_long")
    assert "this server allows 60 s" in failed.message
    assert isinstance(run(hurried, image_job(steps=1)).events[-1], Done)
