"""Pictures that an ESRGAN upscaler enlarges, a real one of random weights."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scripts.make_images.esrgan import make_esrgan
from shared.wire.jobs import UpscaleJob
from shared.wire.payloads import Done, JobError
from shared.wire.pictures import Hires
from tests.support.workers.diffusion_jobs import image_job, png_of, run
from workers.diffusion.keeper.engine import KeptDiffusionEngine
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions
from workers.engine import EngineJob, EngineLoadError

PHOTO = png_of(Image.radial_gradient("L").resize((40, 24)))


@pytest.fixture(scope="module", params=[DiffusionEngine, KeptDiffusionEngine])
def enlarging(
    request: pytest.FixtureRequest, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DiffusionEngine]:
    """The small checkpoint with an upscaler of one block, which makes sides four times as long."""
    upscaler = make_esrgan(tmp_path_factory.mktemp("upscaler"))["upscaler"]
    engine = request.param(DiffusionOptions(str(checkpoint), "tiny", threads=2, upscaler=str(upscaler)))
    engine.load(lambda fraction: None)
    yield engine
    engine.close()


def enlargement(scale: float | None = None, blobs: tuple[bytes, ...] = (PHOTO,)) -> EngineJob:
    return EngineJob("job", UpscaleJob(scale=scale), blobs=[memoryview(blob) for blob in blobs])


@pytest.mark.parametrize(("scale", "size"), [(None, (160, 96)), (4.0, (160, 96)), (2.0, (80, 48)), (1.5, (60, 36))])
def test_a_picture_is_enlarged(enlarging: DiffusionEngine, scale: float | None, size: tuple[int, int]) -> None:
    outcome = run(enlarging, enlargement(scale))
    assert isinstance(outcome.events[-1], Done)
    (picture,) = outcome.pictures
    assert (picture.width, picture.height) == size
    assert Image.open(io.BytesIO(picture.file)).size == size


def test_the_tiles_of_a_larger_one_are_progress(enlarging: DiffusionEngine) -> None:
    large = png_of(Image.radial_gradient("L").resize((200, 16)))
    outcome = run(enlarging, enlargement(blobs=(large,)))
    steps = [(event.step, event.steps) for event in outcome.progress]
    assert len(steps) > 1
    assert steps[-1][0] == steps[-1][1]


def test_the_second_pass_may_begin_with_it(enlarging: DiffusionEngine) -> None:
    hires = Hires(scale=2.0, steps=2, strength=0.5, upscaler="model")
    outcome = run(enlarging, image_job(width=128, height=128, hires=hires))
    assert outcome.pixels.shape == (128, 128, 3)


@pytest.mark.parametrize(
    ("job", "param"),
    [
        (enlargement(0.5), "scale"),
        (enlargement(9.0), "scale"),
        (enlargement(blobs=()), "image"),
        (enlargement(blobs=(b"no picture",)), "image"),
        (enlargement(8.0, (png_of(Image.new("RGB", (2000, 2000))),)), "image"),
    ],
)
def test_what_cannot_be_enlarged_is_refused(enlarging: DiffusionEngine, job: EngineJob, param: str) -> None:
    with pytest.raises(JobError) as refused:
        enlarging.submit(job)
    assert refused.value.failed.param == param


def test_a_model_without_an_upscaler_refuses(engine: DiffusionEngine) -> None:
    with pytest.raises(JobError, match="upscaler"):
        engine.submit(enlargement())


def test_a_file_that_is_no_upscaler_is_found_at_load(checkpoint: Path, tmp_path: Path) -> None:
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"junk")
    engine = KeptDiffusionEngine(DiffusionOptions(str(checkpoint), "tiny", threads=2, upscaler=str(junk)))
    with pytest.raises(EngineLoadError, match=r"^upscaler: junk\.safetensors: expected a safetensors file"):
        engine.load(lambda fraction: None)
