"""The contents of stored files, each in a file of its own in one folder."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
from collections.abc import Iterator, Set
from pathlib import Path
from typing import BinaryIO

from router.jobs.job import Blob

SLICE_BYTES = 1024 * 1024
_PART = ".part"
_OWN_NAME = re.compile(r"file-[0-9a-f]{24}(\.part)?")

log = logging.getLogger("nexa.files")


def new_file_id() -> str:
    """The id of a file that is still to be stored; also its name in the folder."""
    return f"file-{secrets.token_hex(12)}"


class Contents:
    """The folder of the contents. All methods block on the disk; several threads may call them.

    A content is written under another name first: one with its id as its name is whole, and on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, file_id: str, blob: Blob) -> None:
        """Write a new content, readable by this user only.

        Raises:
            OSError: it cannot be written; nothing of it is left.
        """
        with self.writing(file_id) as file:
            for start in range(0, len(blob), SLICE_BYTES):
                file.write(memoryview(blob)[start : start + SLICE_BYTES])

    @contextlib.contextmanager
    def writing(self, file_id: str) -> Iterator[BinaryIO]:
        """A new content that the block writes. It is there when the block ends, and not at all if that raises."""
        file = self.begin(file_id)
        try:
            with file:
                yield file
                self.settle(file_id, file)
        except BaseException:
            self.remove(file_id)
            raise

    def begin(self, file_id: str) -> BinaryIO:
        """A new content, open to be written; :meth:`settle` completes it, :meth:`remove` drops it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        return open(os.open(self._part(file_id), flags, 0o600), "wb")

    def settle(self, file_id: str, file: BinaryIO) -> None:
        """Give a content that is written its name; from now on it survives a loss of power."""
        file.flush()
        os.fsync(file.fileno())
        os.replace(self._part(file_id), self.path(file_id))
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def open(self, file_id: str) -> BinaryIO | None:
        """A content, open to be read; None if there is none.

        Raises:
            OSError: it cannot be read.
        """
        try:
            return open(os.open(self.path(file_id), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
        except FileNotFoundError:
            return None

    def remove(self, file_id: str) -> None:
        """Remove a content, whole or not. One that cannot be removed now is removed at the next start."""
        for path in (self.path(file_id), self._part(file_id)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("file not removed", extra={"path": str(path), "reason": str(error)})

    def remove_others(self, file_ids: Set[str]) -> int:
        """Remove all contents but these, such as those of uploads that a crash cut short; returns how many."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return 0
        others = [name for name in names if _OWN_NAME.fullmatch(name) and name not in file_ids]
        for name in others:
            self.remove(name.removesuffix(_PART))
        return len(others)

    def missing(self, file_ids: Set[str]) -> set[str]:
        """Those of the ids that have no content."""
        return {file_id for file_id in file_ids if not self.path(file_id).is_file()}

    def path(self, file_id: str) -> Path:
        """Where the content of this id is."""
        return self._folder / file_id

    def _part(self, file_id: str) -> Path:
        return self._folder / f"{file_id}{_PART}"
