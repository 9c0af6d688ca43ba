"""What a GGUF file says it is, by its first entries: its whole header may have a vocabulary, which takes long."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from shared.gguf.header import Scalar, read_first_entries

MAX_ENTRIES = 16
"""How many entries are read: files name their architecture and type among the first."""

_PROJECTORS = ("clip", "clip-vision")
_PROJECTOR_TYPE = "mmproj"


def is_projector(metadata: Mapping[str, Scalar]) -> bool:
    """Whether a header with this metadata is that of a projector, which makes embeddings of pictures or recordings."""
    named = metadata.get("general.architecture") in _PROJECTORS
    return named or metadata.get("general.type") == _PROJECTOR_TYPE


def is_projector_file(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a GGUF file with a projector. Reads its beginning.

    Raises:
        GGUFError: not a GGUF of version 2 or 3, or damaged.
        OSError: the file cannot be read.
    """
    return is_projector(read_first_entries(Path(path), MAX_ENTRIES))
