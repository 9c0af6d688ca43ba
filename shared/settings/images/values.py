"""Kinds of value that only options of image models have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from shared.settings.values import Text, Value

MIN_SIDE, MAX_SIDE = 64, 8192
"""The least and the largest side of a picture, in pixels."""

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


@dataclass(frozen=True)
class PartFile(Text):
    """A file of a model: its path, or a file of the hub, which is fetched with the model."""

    metavar: str = "FILE"
    expected: str = "a path, or hf:owner/repo:file"


@dataclass(frozen=True)
class PictureSize(Value):
    """Width and height, or nothing."""

    metavar: str = "WxH"
    expected: str = f"a size such as 1024x768, with sides from {MIN_SIDE} to {MAX_SIDE}"

    def read(self, given: Any) -> str:
        if given == "":
            return ""
        found = _SIZE.fullmatch(given.strip().lower()) if isinstance(given, str) else None
        if found is None or not all(MIN_SIDE <= int(side) <= MAX_SIDE for side in found.groups()):
            raise ValueError(given)
        return f"{int(found[1])}x{int(found[2])}"


def split_size(size: str) -> tuple[int, int]:
    """Width and height of a value of :class:`PictureSize` that is not empty."""
    width, _, height = size.partition("x")
    return int(width), int(height)
