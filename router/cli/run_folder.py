"""The private folder of one run of the server: its sockets and its settings."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.wire.transport import Endpoints

_PREFIX = "nexa-"
_LOCK = "lock"


class NoRunFolder(Exception):
    """No run folder can be made. The message is one line."""


def make_run_folder() -> Path:
    """Make a folder that only this user can enter, with a path short enough for sockets.

    It stays locked until this process ends, also after an exec. Unlocked folders of killed servers are removed.

    Raises:
        NoRunFolder: no folder for temporary files is writable and has a short path.
    """
    for base in _bases():
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        except OSError:
            continue
        try:
            Endpoints.in_folder(folder)
        except ValueError:
            folder.rmdir()
            continue
        _lock(folder)
        _remove_abandoned(base)
        return folder
    raise NoRunFolder(
        "no folder for sockets can be made: XDG_RUNTIME_DIR, TMPDIR and /tmp are not writable or have too long paths"
    )


def _bases() -> Iterator[Path]:
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
        if base:
            yield Path(base)


def _lock(folder: Path) -> None:
    descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(descriptor, True)  # survives the exec; the supervisor's children do not get it


def _remove_abandoned(base: Path) -> None:
    """Remove this user's unlocked run folders. One without a lock file stays: it is still being made."""
    for lock in base.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            if lock.parent.is_symlink() or lock.parent.stat().st_uid != os.getuid():
                continue
            descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
