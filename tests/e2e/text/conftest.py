"""The tests of texts run against the embedded model twice: as GGUF, and the same weights in ONNX."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.onnx.made_models import made_model
from tests.support.running_server import RunningServer, running


@pytest.fixture(scope="session", params=["gguf", "onnx"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """``nexa server smollm2``, or ``nexa server onnx FOLDER/smollm2``, with one worker."""
    models = ["smollm2"]
    if request.param == "onnx":
        folder = tmp_path_factory.mktemp("onnx") / "smollm2"
        folder.symlink_to(made_model("text"), target_is_directory=True)
        models = ["onnx", str(folder)]
    with running(*models) as ready:
        yield ready
