"""The folder of what outlives the server (``--state-folder``)."""

from __future__ import annotations

from pathlib import Path


def file_in(state_folder: str, name: str) -> Path | None:
    """The path of a file in the folder; None without a folder, as :meth:`FileKind.open` takes it."""
    return Path(state_folder) / name if state_folder else None
