"""The sizes of models' files."""

from __future__ import annotations

from pathlib import Path

from shared.engines.gguf_files import split_parts
from shared.settings import ModelSettings
from shared.settings.images.parts import PARTS


def size_of_files(path: str) -> int | None:
    """The size of all files of a model, whose engine opens ``path``, in bytes; None if it has none or they are gone.

    Blocks while it asks the disk.
    """
    if not path:
        return None
    file = Path(path)
    try:
        if file.is_dir():
            return sum(inner.stat().st_size for inner in file.rglob("*") if inner.is_file())
        return sum((file.parent / part).stat().st_size for part in split_parts(file.name))
    except OSError:
        return None


def size_with_parts(model: ModelSettings) -> int | None:
    """The same, with the other files that an image model has; None if one of them is gone."""
    parts = [size_of_files(part) for option in PARTS if (part := getattr(model, option))]
    sizes = [size_of_files(model.path), *parts]
    return None if None in sizes else sum(size for size in sizes if size is not None)
