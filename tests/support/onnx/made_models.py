"""Models in ONNX that are made once and kept in the user's cache folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_onnx.cache import made
from scripts.make_onnx.errors import MakingError


def made_model(kind: str) -> Path:
    """The folder of a kind's model; the test fails with the reason if it cannot be made."""
    try:
        return made(kind)
    except MakingError as error:
        pytest.fail(str(error), pytrace=False)
