"""Files that only this server's user may read or write."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path


def open_private(path: Path) -> FileIO:
    """A plain file of this user alone, open for reading.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read; ``ELOOP`` if it is a link, no plain file, or not private.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not _is_private(os.fstat(descriptor)):
            raise OSError(errno.ELOOP, "it is not a plain file that only its owner may read")
        return FileIO(descriptor, "r")
    except BaseException:
        os.close(descriptor)
        raise


def _is_private(found: os.stat_result) -> bool:
    """Whether this is a plain file of this user, which nobody else may read or write."""
    is_plain = stat.S_ISREG(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    return is_plain and found.st_uid == os.geteuid()
