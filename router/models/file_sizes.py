"""The sizes of models' files."""

from __future__ import annotations

from pathlib import Path

from shared.engines.gguf_files import split_parts


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
