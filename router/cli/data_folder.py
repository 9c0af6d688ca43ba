"""Where the server keeps what outlives it, for users who name no other place."""

from __future__ import annotations

import os
from pathlib import Path


def data_path(given: str, name: str) -> Path:
    """The whole path of the file or folder that was named, or of ``name`` among the user's own data of this program."""
    if given:
        return Path(given).expanduser().resolve()
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser().resolve() / "nexa" / name
