"""The shape of the draft model that is loaded beside a model."""

from __future__ import annotations

import os
from functools import lru_cache

from shared.errors import ModelError
from shared.memory.shape import TextShape, read_shape
from shared.settings import ModelSettings


def drafting_shape(model: ModelSettings) -> TextShape | None:
    """The shape of a model's draft model; None if it has none, or one that cannot be read, as its worker will tell."""
    if not model.draft_file:
        return None
    try:
        return _read(model.draft_file, os.stat(model.draft_file).st_mtime_ns)
    except (ModelError, OSError, ArithmeticError, LookupError, ValueError):
        return None


@lru_cache(maxsize=16)
def _read(path: str, _changed_at_ns: int) -> TextShape:
    return read_shape(path)
