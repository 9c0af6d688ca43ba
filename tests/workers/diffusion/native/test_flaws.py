"""Pictures of models whose weights are no numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from scripts.make_tiny_sd import make_tiny_sd
from shared.gguf.header import read_gguf_header
from shared.wire.jobs import ImageJob
from shared.wire.payloads import Failed
from tests.support.workers.diffusion_jobs import image_job, run
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.native.flaws import check_painted
from workers.diffusion.options import DiffusionOptions
from workers.diffusion.painting import PaintError, Painting


def test_a_picture_of_weights_that_are_no_numbers_fails(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    make_tiny_sd(path)
    header = read_gguf_header(path)
    tensor = next(each for each in header.tensors if each.name == "model.diffusion_model.out.2.bias")
    with path.open("r+b") as file:
        file.seek(header.tensor_data_offset_bytes + tensor.offset_bytes)
        file.write(b"\x00\x00\xc0\x7f" * 4)  # float32 that is no number
    engine = DiffusionEngine(DiffusionOptions(str(path), "tiny", threads=2))
    engine.load(lambda fraction: None)
    failed = run(engine, image_job()).events[-1]
    engine.close()
    assert isinstance(failed, Failed)
    assert failed.status == 500
    assert "all its pixels are alike" in failed.message


def painting(image: Image.Image | None) -> Painting:
    return Painting(ImageJob(""), "", 1, [], image, None)


def test_one_colour_may_come_of_one_colour() -> None:
    flat = Image.new("RGB", (64, 64), "red")
    varied = Image.radial_gradient("L").convert("RGB")
    check_painted(flat, flat, painting(flat))
    check_painted(varied, varied, painting(None))
    for image, preview in ((flat, None), (varied, flat)):
        with pytest.raises(PaintError):
            check_painted(image, preview, painting(None))
