"""Opens files and batches, and calls what uses them in a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

from router.files.contents import Contents
from router.files.database import FILE_NAME, FOLDER_NAME, LOCK_NAME, STATE_FILE
from router.files.store import FileStore
from router.schemas.errors import ApiError
from router.storage.database import STORAGE_ERRORS, StorageError, reason
from router.threads import Lane

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", BinaryIO, BinaryIO | None)

OPEN_RETRY_S = 5.0
"""Time between two attempts to open the files."""
CLEAN_INTERVAL_S = 600.0
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
RETRY_AFTER_S = "5"
BACKGROUND_CALLS = 4
"""Of the threads for contents, what work without a waiting client has at once."""
ROWS_TIMEOUT_S = 20.0
CONTENTS_TIMEOUT_S = 60.0
LAST_CLOSE_TIMEOUT_S = 5.0
"""Longest wait for contents that are being closed when the server stops."""

log = logging.getLogger("nexa.files")


class FilesUnavailable(ApiError):
    """503: files and batches cannot be used at the moment; 507, if the disk is full."""

    def __init__(self, why: str, status: int = 503) -> None:
        message = f"files and batches are not available: {why}; try again later"
        super().__init__(status, message, code="files_unavailable", headers={"Retry-After": RETRY_AFTER_S})


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """What a server has open: only one server uses a folder at a time, which ``lock`` says."""

    database: sqlite3.Connection
    files: FileStore
    lock: int | None

    def close(self) -> None:
        """Close all; another server may use the folder then."""
        self.database.close()
        if self.lock is not None:
            os.close(self.lock)


class FileKeeper:
    """Keeps the state folder open. Without a folder (``""``), all is gone when it is closed.

    ``clock`` gives seconds since the epoch.
    """

    def __init__(self, folder: str, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.opened = asyncio.Event()
        self._folder = Path(folder) if folder else None
        self._temporary: Path | None = None
        self._open: OpenFiles | None = None
        self._why = "the server starts"
        self._rows = Lane("file of batches (--state-folder)", max_waiting=1024, timeout_s=ROWS_TIMEOUT_S)
        self._disk = Lane("folder of files (--state-folder)", threads=8, timeout_s=CONTENTS_TIMEOUT_S)
        self._closing: set[asyncio.Task[None]] = set()
        self._background = asyncio.Semaphore(BACKGROUND_CALLS)

    async def run(self, function: Callable[Concatenate[OpenFiles, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``function`` in the thread of the rows; what it does in one call, no other sees half done.

        Raises:
            FilesUnavailable: the files are not open, or the disk fails or does not answer.
            ApiError: what ``function`` raises.
        """
        opened = self._open
        if opened is None:
            raise FilesUnavailable(self._why)
        return await self._guarded(self._rows, lambda: function(opened, *args, **kwargs))

    async def on_disk(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``function``, which reads or writes a content, in another thread.

        Raises:
            FilesUnavailable: the disk fails or does not answer.
        """
        return await self._guarded(self._disk, lambda: function(*args, **kwargs))

    def let_go(self, content: BinaryIO) -> None:
        """Close a content soon, in another thread: one that hangs on a disk cannot be closed until it answers."""
        self._close_soon(self._close_content(content))

    async def in_background(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As :meth:`on_disk`, for work that no client waits for. It waits for its turn, and leaves threads to others.

        Raises:
            FilesUnavailable: the disk fails or does not answer.
        """
        async with self._background:
            return await self.on_disk(function, *args, **kwargs)

    async def opened_by(self, opening: Awaitable[C]) -> C:
        """What ``opening`` opens, a content or None. If that is cancelled, what it still opens is closed.

        Raises:
            FilesUnavailable: as ``opening``.
        """
        task = asyncio.ensure_future(opening)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._close_soon(self._close_opened(task))
            raise

    @property
    def contents(self) -> Contents:
        """The contents of the files.

        Raises:
            FilesUnavailable: the files are not open.
        """
        if self._open is None:
            raise FilesUnavailable(self._why)
        return self._open.files.contents

    async def open(self) -> None:
        """Open the files, if that is possible now; else the log says why not."""
        try:
            self._open = await self._rows.run(self._opening)
        except STORAGE_ERRORS as error:
            why = _why(error)
            if why != self._why:
                log.error("files and batches not available", extra={"reason": why})
            self._why = why
        else:
            self.opened.set()

    async def keep_open(self) -> None:
        """Open the files, as soon as that is possible, and remove what is too old. Until cancelled."""
        while True:
            if self._open is None:
                await self.open()
            else:
                try:
                    await self.run(_clean, self.clock())
                except FilesUnavailable as error:
                    log.warning("files not cleaned", extra={"reason": str(error)})
            await asyncio.sleep(OPEN_RETRY_S if self._open is None else CLEAN_INTERVAL_S)

    async def close(self) -> None:
        """Close the files, unless the disk hangs."""
        opened, self._open = self._open, None
        self._why = "the server stops"
        self.opened.clear()
        if self._closing:
            await asyncio.wait(self._closing, timeout=LAST_CLOSE_TIMEOUT_S)
        if opened is not None:
            with contextlib.suppress(FilesUnavailable):
                await self._guarded(self._rows, opened.close)
        if self._temporary is not None:
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)

    def _close_soon(self, work: Coroutine[Any, Any, None]) -> None:
        closing = asyncio.ensure_future(work)
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close_opened(self, opening: asyncio.Future[C]) -> None:
        with contextlib.suppress(FilesUnavailable, asyncio.CancelledError):
            content = await opening
            if content is not None:
                await self._close_content(content)

    async def _close_content(self, content: BinaryIO) -> None:
        with contextlib.suppress(FilesUnavailable):  # it is logged, and nothing is lost that anybody was told of
            await self.on_disk(content.close)

    async def _guarded(self, lane: Lane, call: Callable[[], R]) -> R:
        try:
            return await lane.run(call)
        except TimeoutError as error:
            raise FilesUnavailable(str(error)) from None
        except STORAGE_ERRORS as error:
            log.error("files and batches: the disk fails", extra={"reason": str(error)})
            is_full = isinstance(error, OSError) and error.errno in FULL_DISK
            raise FilesUnavailable(_why(error), 507 if is_full else 503) from None

    def _opening(self) -> OpenFiles:
        folder = self._folder
        if folder is None:
            folder = self._temporary = self._temporary or Path(tempfile.mkdtemp(prefix="nexa-files-"))
        try:
            lock = None if self._folder is None else _locked(folder)
        except OSError as error:
            raise StorageError(f"{folder} cannot be used ({reason(error)})") from None
        try:
            database = STATE_FILE.open(None if self._folder is None else folder / FILE_NAME)
            database.execute("PRAGMA synchronous = FULL")  # what a client was told survives a loss of power, too
            files = FileStore(database, Contents(folder / FOLDER_NAME))
            leftovers, lost = files.mend()
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise
        if leftovers or lost:
            log.warning("files mended", extra={"leftovers": leftovers, "lost": lost})
        return OpenFiles(database, files, lock)


def _locked(folder: Path) -> int:
    """A descriptor of the file whose lock says that a server uses the folder. It ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        message = f"{folder} is used by another server; start this one with a folder of its own (--state-folder)"
        raise StorageError(message) from None
    return lock


def _why(error: Exception) -> str:
    if isinstance(error, OSError | sqlite3.Error) and not isinstance(error, TimeoutError):
        return reason(error)
    return str(error)


def _clean(opened: OpenFiles, now_s: float) -> None:
    opened.files.remove_expired(now_s)
