"""A server with small models that see and hear. Each module has its own, so that it can count what was computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.make_media.cache import made
from tests.support.media.picture_site import PictureSite, picture_site
from tests.support.running_server import RunningServer, running


@pytest.fixture(scope="module")
def site() -> Iterator[PictureSite]:
    """The only host that the server may fetch pictures from."""
    with picture_site() as ready:
        yield ready


@pytest.fixture(scope="module")
def seeing(site: PictureSite, media: Path) -> Iterator[RunningServer]:
    """``smolvlm``, which hears too, and ``qwen2vl`` name colours; ``smollm2`` takes text only."""
    models = [str(made(name).model) for name in ("smolvlm", "qwen2vl")]
    sources = ["--image-host", site.host, "--media-folder", str(media)]
    with running(*models, "smollm2", "--nctx", "2048", "--slots", "4", *sources) as ready:
        yield ready
