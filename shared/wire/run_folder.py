"""The private folder of one run of the server, which holds its sockets.

Cleaners of temporary files leave it alone, since it is locked (tmpfiles.d(5)). If it is lost all the same, the
supervisor makes it again under the same path, and router and supervisor bind their sockets once more.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.wire.transport import Endpoints

_PREFIX = "nexa-"
_LOCK = "lock"
_PRIVATE = 0o700


def admin_socket_in(run_folder: Path) -> Path:
    """Where a server with ``--admin-socket`` takes orders from the folder's owner."""
    return run_folder / "admin"


def find_admin_sockets() -> list[Path]:
    """The admin sockets of this user's servers."""
    bases = dict.fromkeys(base.resolve() for base in _bases())
    found = [path for base in bases for path in base.glob(f"{_PREFIX}*/admin") if path.is_socket()]
    return [path for path in found if _is_private(path.parent)]


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


def is_in_use(folder: Path) -> bool:
    """Whether a server that runs has this folder."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def restore_run_folder(folder: Path) -> bool:
    """Make a run folder again if it or its lock is gone; returns whether that was so.

    Raises:
        NoRunFolder: it cannot be made, or its name belongs to somebody else now.
    """
    try:
        if _is_private(folder) and (folder / _LOCK).exists():
            return False
        folder.parent.mkdir(_PRIVATE, parents=True, exist_ok=True)
        folder.mkdir(_PRIVATE, exist_ok=True)
        if not _is_private(folder):
            raise NoRunFolder(f"run folder: expected a folder of this user alone, got {folder}, which is another's")
        _lock(folder)
    except OSError as error:
        raise NoRunFolder(f"run folder: {error}") from None
    return True


def _is_private(folder: Path) -> bool:
    """Whether it is a folder, no link, that only this user can enter."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077


def _bases() -> Iterator[Path]:
    """Where to try. The runtime folder of a login is last: a logout removes it, and only root can make it again."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    lasting = runtime and os.access(Path(runtime).parent, os.W_OK)
    for base in (runtime if lasting else None, tempfile.gettempdir(), "/tmp", runtime):
        if base:
            yield Path(base)


def _lock(folder: Path) -> None:
    """Lock the folder against cleaners of temporary files, and its lock file against other servers."""
    for path, flags in ((folder, os.O_DIRECTORY), (folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW)):
        descriptor = os.open(path, flags, 0o600)
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
