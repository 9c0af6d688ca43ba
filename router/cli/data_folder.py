"""Default places of the files that outlive a server."""

from __future__ import annotations

import os
from pathlib import Path


def data_path(given: str, name: str) -> Path:
    """The absolute path of ``given``, or of ``name`` in this program's data folder if ``given`` is empty."""
    if given:
        return Path(given).expanduser().resolve()
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser().resolve() / "nexa" / name
