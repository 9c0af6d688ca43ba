"""The folder of all prefixes, of all models: its privacy, its bound, and which files are given up.

    FOLDER/lock                    whoever holds it may count and remove
    FOLDER/<key>/<name>.prefix     a whole file
    FOLDER/<key>/<name>.part       one that is being written; its writer holds a lock on it

Several processes use it at a time. A file appears by being renamed, so it is whole or not there. Whoever reads a file
that is removed meanwhile reads it to its end. Nothing else in the folder is touched.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from workers.text.cache.disk.private_file import open_private
from workers.text.cache.disk.secret import DiskUnusable

SUFFIX, PART_SUFFIX = ".prefix", ".part"
MIN_FREE_BYTES = 1000 * 1000 * 1000
"""So much of the file system is left free, or a twentieth of it if that is less."""

_KEY = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[0-9a-f]{32}")


class NoSpace(Exception):
    """There is no room for a file. The message says where."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file in the folder, of any model."""

    path: Path
    size: int
    used_at_ns: int


@dataclass(frozen=True, slots=True)
class FolderUsage:
    """How many files there are, and how large they are together."""

    files: int = 0
    used_bytes: int = 0


class PrefixFolder:
    """The folder, of which files take at most ``limit_bytes``.

    Raises:
        DiskUnusable: it cannot be written, or others may write in it.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path = path
        self.limit_bytes = limit_bytes
        _make_private(path)

    def of_key(self, key: bytes) -> KeyFolder:
        """The files of one model and its settings."""
        return KeyFolder(self, key)

    def usage(self) -> FolderUsage:
        """The number and the size of all files. The folder must be locked, as parts of dead writers are removed."""
        files = self._files()
        return FolderUsage(len(files), sum(file.size for file in files))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block, no other process counts or removes files."""
        _make_private(self.path)  # the operator may have removed it
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path / "lock", flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def make_room(self, size: int) -> None:
        """Remove the files that were not used for the longest time until another fits. The folder must be locked.

        Raises:
            NoSpace: it would not fit, or the file system would have too little free space. Nothing was removed.
        """
        files = sorted(self._files(), key=lambda file: file.used_at_ns)
        used = sum(file.size for file in files)
        disk = shutil.disk_usage(self.path)
        spare = disk.free - min(MIN_FREE_BYTES, disk.total // 20)
        removable = [file for file in files if file.path.suffix == SUFFIX]
        given_up: list[KeptFile] = []
        while used + size > self.limit_bytes:
            if len(given_up) == len(removable):
                raise NoSpace("one does not fit into what may be kept")
            oldest = removable[len(given_up)]
            given_up.append(oldest)
            used, spare = used - oldest.size, spare + oldest.size
        if spare < size:
            raise NoSpace("the disk is nearly full")
        for file in given_up:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file.path)

    def _files(self) -> list[KeptFile]:
        """Files of all keys. Parts whose writers have died are removed."""
        found = []
        for key in _names(self.path):
            if not _KEY.fullmatch(key) or not stat.S_ISDIR(_mode(self.path / key)):
                continue
            for name in _names(self.path / key):
                path = self.path / key / name
                if not _NAME.fullmatch(path.stem) or path.suffix not in (SUFFIX, PART_SUFFIX):
                    continue
                if path.suffix == PART_SUFFIX and _is_stale(path):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    seen = os.lstat(path)
                    if not stat.S_ISDIR(seen.st_mode):
                        found.append(KeptFile(path, seen.st_size, seen.st_mtime_ns))
        return found


class KeyFolder:
    """The files of one model and its settings, which ``key`` stands for."""

    def __init__(self, folder: PrefixFolder, key: bytes) -> None:
        self._folder = folder
        self.key = key
        self._path = folder.path / key.hex()[:32]
        _make_private(self._path)

    def stamp(self) -> int:
        """What changes when a file is added or removed."""
        try:
            return os.stat(self._path).st_mtime_ns
        except FileNotFoundError:
            return 0

    def names(self) -> list[str]:
        """The names of all whole files, the latest used first. Links and the like are among them, but no folders."""
        found = []
        for name in _names(self._path):
            stem, suffix = os.path.splitext(name)
            if suffix == SUFFIX and _NAME.fullmatch(stem):
                with contextlib.suppress(FileNotFoundError):
                    seen = os.lstat(self._path / name)
                    if not stat.S_ISDIR(seen.st_mode):
                        found.append((seen.st_mtime_ns, stem))
        return [stem for _, stem in sorted(found, reverse=True)]

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[tuple[FileIO, int]]:
        """A file, open for reading, and its size.

        Raises:
            FileNotFoundError: it was removed.
            OSError: it cannot be read; ``ELOOP`` if it is a link or not private.
        """
        with open_private(self._file(name)) as file:
            found = os.fstat(file.fileno())
            if found.st_nlink > 1:
                raise OSError(errno.ELOOP, "it has further names")
            yield file, found.st_size

    @contextlib.contextmanager
    def writing(self, name: str, size: int) -> Iterator[FileIO]:
        """A new file of ``size`` bytes, which is there once the block ends without an error.

        Raises:
            NoSpace: there is no room for it.
            DiskUnusable: the folder was made open to others.
            OSError: it cannot be written.
        """
        part = self._path / f"{secrets.token_hex(16)}{PART_SUFFIX}"
        try:
            with self._new_part(part, size) as file:
                yield file
                with self._folder.locked():  # whoever counts sees it once
                    os.rename(part, self._file(name))
        except BaseException as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace("the disk is full") from None
            raise

    def _new_part(self, part: Path, size: int) -> FileIO:
        """A new file, which others count as whole from now on, and leave alone as long as it is open."""
        with self._folder.locked():
            self._folder.make_room(size)
            _make_private(self._path)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = FileIO(os.open(part, flags, 0o600), "w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.truncate(size)
            except BaseException:
                file.close()
                raise
            return file

    def use(self, name: str) -> None:
        """Make a file the latest used."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._file(name))

    def remove(self, name: str) -> None:
        """Remove a file, or a link."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file(name))

    def _file(self, name: str) -> Path:
        return self._path / f"{name}{SUFFIX}"


def _make_private(path: Path) -> None:
    """Make a folder for this user alone, if it is missing.

    Raises:
        DiskUnusable: it cannot be made, is a link, or belongs to or is open to others.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(path)
    except OSError as error:
        raise DiskUnusable(f"{path}: cannot be made ({error.strerror})") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise DiskUnusable(f"{path}: expected a folder of this user alone; try: chmod 700 {path}")


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _mode(path: Path) -> int:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def _is_stale(part: Path) -> bool:
    """Whether nobody writes this file any longer; it is removed then."""
    try:
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part)
    return True
