from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.onnx.tiny_pipelines import tiny_pipeline
from workers.onnx.images.engine import OnnxPictureEngine
from workers.onnx.images.options import OnnxPictureOptions


@pytest.fixture(scope="session")
def engine() -> Iterator[OnnxPictureEngine]:
    """The tiny pipeline of Stable Diffusion 1, loaded."""
    engine = OnnxPictureEngine(OnnxPictureOptions(str(tiny_pipeline()), "tiny", threads=2))
    engine.load(lambda fraction: None)
    yield engine
    engine.close()
