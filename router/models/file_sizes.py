"""The sizes of models' files."""

from __future__ import annotations

from pathlib import Path

from shared.engines.gguf_files import split_parts
from shared.settings import ModelSettings
from shared.settings.images.parts import PARTS


def size_of_files(path: str, mmproj: str = "") -> int | None:
    """The size of all files of a model, whose engine opens ``path``, in bytes; None if it has none or they are gone.

    ``mmproj`` is its projector, if it has one.

    Blocks while it asks the disk.
    """
    if not path:
        return None
    file = Path(path)
    try:
        if file.is_dir():
            return sum(inner.stat().st_size for inner in file.rglob("*") if inner.is_file())
        files = [*(file.parent / part for part in split_parts(file.name)), *([Path(mmproj)] if mmproj else [])]
        return sum(one.stat().st_size for one in files)
    except OSError:
        return None


def size_with_parts(model: ModelSettings) -> int | None:
    """The same of a served model, with the other files that an image model has; None if one of them is gone."""
    parts = [size_of_files(part) for option in PARTS if (part := getattr(model, option))]
    sizes = [size_of_files(model.path, model.mmproj), *parts]
    return None if None in sizes else sum(size for size in sizes if size is not None)
