"""Default paths of the files that outlive a server."""

from __future__ import annotations

import os
from pathlib import Path

from router.http.certificates.local_authority import AUTHORITY_NAME


def absolute(path: str) -> Path:
    """The absolute path; ``~`` of an unknown user stays as it is."""
    return Path(os.path.expanduser(path)).resolve()


def data_path(given: str, name: str) -> Path:
    """The absolute path of ``given``, or of ``name`` in this program's data folder if ``given`` is empty."""
    if given:
        return absolute(given)
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return absolute(home) / "nexa" / name


def authority_file() -> Path:
    """Where the certificate of this machine's own authority is, once ``nexa cert`` has made one."""
    return data_path("", "tls") / AUTHORITY_NAME
