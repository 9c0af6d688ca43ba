"""The output folder: finished pictures, kept for a while so that clients can fetch them by URL."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import re
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from router.threads import Lane
from shared.wire.pictures import PictureFormat

CLEAN_INTERVAL_S = 600.0
_CLEANING = Lane("cleaning of the output folder", timeout_s=None)
STALE_PART_AGE_S = 600.0
"""A partly written file older than this was left behind by a server that died."""

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
"""Of the pictures that are kept, by the end of their file names, which are their formats' names."""

_NAME = re.compile(rf"[0-9a-f]{{32}}\.({'|'.join(MEDIA_TYPES)})")
_PART_NAME = re.compile(rf"{_NAME.pattern}\.part")

log = logging.getLogger("nexa.images")


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    saved_at_s: float
    size_bytes: int


class ImageStore:
    """Keeps pictures in ``folder`` for at most ``keep_s`` and within ``keep_bytes``; the oldest are removed first.

    It removes no files but its own, which it recognises by name. All methods are thread-safe and block on the disk.
    Without a folder (``""``) nothing can be saved.
    """

    def __init__(self, folder: str, keep_s: float, keep_bytes: int) -> None:
        self._folder = Path(folder) if folder else None
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._lock = threading.Lock()
        self._kept_bytes: int | None = None  # unknown until the folder is scanned

    def save(self, picture: bytes, format: PictureFormat = "png") -> str:
        """Write a picture atomically, readable by this user only, and return its file name.

        Raises:
            OSError: it cannot be written, or is larger than ``keep_bytes``.
        """
        with self._lock:
            if self._folder is None:
                raise OSError(errno.ENOENT, "there is no output folder")
            if len(picture) > self._keep_bytes:
                raise OSError(errno.EFBIG, f"expected at most {self._keep_bytes} bytes, got {len(picture)}")
            if self._kept_bytes is None or self._kept_bytes + len(picture) > self._keep_bytes:
                self._clean(len(picture))
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = f"{secrets.token_hex(16)}.{format}"
            _write(self._folder / name, picture)
            self._kept_bytes = (self._kept_bytes or 0) + len(picture)
            return name

    def read(self, name: str) -> bytes | None:
        """Read the picture with this file name, or return ``None`` if it does not exist (any more)."""
        if self._folder is None or not _NAME.fullmatch(name):
            return None
        try:
            with open(self._folder / name, "rb", opener=_open_no_follow) as file:
                return file.read()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                log.warning("picture unreadable", extra={"picture": name, "reason": str(error)})
            return None

    def clean(self) -> None:
        """Remove pictures older than ``keep_s``, then the oldest until the rest fits into ``keep_bytes``."""
        with self._lock:
            self._clean(0)

    def _clean(self, room_bytes: int) -> None:
        """Clean so that ``room_bytes`` more fit into ``keep_bytes``."""
        now_s = time.time()
        pictures, parts = self._entries()
        for part in parts:
            if now_s - part.saved_at_s > STALE_PART_AGE_S:
                _remove(part)
        pictures.sort(key=lambda entry: entry.saved_at_s)
        kept_bytes = sum(entry.size_bytes for entry in pictures)
        for entry in pictures:
            too_old = now_s - entry.saved_at_s > self._keep_s
            if (too_old or kept_bytes + room_bytes > self._keep_bytes) and _remove(entry):
                kept_bytes -= entry.size_bytes
        self._kept_bytes = kept_bytes

    def _entries(self) -> tuple[list[_Entry], list[_Entry]]:
        """The store's own files: pictures, and partly written ones."""
        pictures: list[_Entry] = []
        parts: list[_Entry] = []
        if self._folder is None:
            return pictures, parts
        try:
            with os.scandir(self._folder) as found:
                for file in found:
                    is_picture = _NAME.fullmatch(file.name)
                    if (is_picture or _PART_NAME.fullmatch(file.name)) and file.is_file(follow_symlinks=False):
                        with contextlib.suppress(FileNotFoundError):
                            facts = file.stat(follow_symlinks=False)
                            entry = _Entry(file.path, facts.st_mtime, facts.st_size)
                            (pictures if is_picture else parts).append(entry)
        except FileNotFoundError:
            pass  # the folder is created with the first picture
        return pictures, parts


async def clean_periodically(store: ImageStore) -> None:
    """Clean ``store`` now and every ``CLEAN_INTERVAL_S``, until cancelled."""
    while True:
        try:
            await _CLEANING.run(store.clean)
        except OSError as error:
            log.warning("output folder not cleaned", extra={"reason": str(error)})
        await asyncio.sleep(CLEAN_INTERVAL_S)


def _write(path: Path, picture: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(picture)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _open_no_follow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _remove(entry: _Entry) -> bool:
    """Remove a file; returns whether it is gone."""
    try:
        os.unlink(entry.path)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("picture not removed", extra={"picture": entry.path, "reason": str(error)})
        return False
    return True
