"""Servers that the slow tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.onnx.embedded import embedded
from tests.support.running_server import RunningServer, running


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """``nexa server smollm2`` with one worker."""
    with running("smollm2") as ready:
        yield ready


@pytest.fixture(scope="session")
def onnx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """``nexa server onnx FOLDER/smollm2`` with one worker."""
    with running(*embedded("onnx", tmp_path_factory.mktemp("onnx"))) as ready:
        yield ready


@pytest.fixture(scope="session")
def speech_server() -> Iterator[RunningServer]:
    """``nexa server faster-whisper-tiny``."""
    with running("faster-whisper-tiny") as ready:
        yield ready
