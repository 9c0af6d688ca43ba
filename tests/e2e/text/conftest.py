"""The tests of texts run against the embedded model twice: as GGUF, and the same weights in ONNX."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.onnx.embedded import FORMS, embedded
from tests.support.running_server import RunningServer, running


@pytest.fixture(scope="session", params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    """The form of the model."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="session")
def server(form: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """``nexa server smollm2``, or ``nexa server onnx FOLDER/smollm2``, with one worker."""
    with running(*embedded(form, tmp_path_factory.mktemp("onnx"))) as ready:
        yield ready
