"""One server with the embedded model, and one with all kinds of models, for all tests that do not harm them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_server import RunningServer, running
from tests.support.tiny_sd import tiny_sd


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """``nexa server smollm2`` with one worker."""
    with running("smollm2") as ready:
        yield ready


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The media folder of the server with all kinds."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def all_kinds(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a text, two speech and an image model (random weights, called ``painter``)."""
    models = ["smollm2", "faster-whisper-tiny", "faster-whisper-base", str(tiny_sd())]
    folders = ["--media-folder", str(media), "--output-folder", str(tmp_path_factory.mktemp("images"))]
    with running(*models, *folders, "--alias", f"{tiny_sd().stem}=painter") as ready:
        yield ready
