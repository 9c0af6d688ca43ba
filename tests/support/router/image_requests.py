"""Requests for pictures, and a broker that answers them."""

from __future__ import annotations

from typing import Any

from shared.settings import ServerSettings
from tests.support.router.fake_broker import MODEL, FakeBroker
from tests.support.router.pictures import in_base64, painted, png

CAT = {"prompt": "a cat"}
INPUT = {**CAT, "image_path": "data:image/png;base64," + in_base64(png(9))}


def image_broker(**changes: Any) -> FakeBroker:
    """A broker of an image model, with these settings changed."""
    return FakeBroker(settings=ServerSettings(**{"models": (MODEL,), "run_folder": "", **changes}), script=painted)
