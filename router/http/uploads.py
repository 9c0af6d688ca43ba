"""Uploaded files on disk, written by threads of their own within a time limit."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.datastructures import UploadFile

from router.schemas.errors import ApiError
from router.threads import Lane

R = TypeVar("R")

UPLOADS = Lane("folder for temporary files (TMPDIR)", threads=8, max_waiting=1024, timeout_s=20.0)
_FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger("nexa.uploads")


class SpooledUpload(UploadFile):
    """An uploaded file: a small one is in memory, a larger one on disk.

    ``leave_memory`` is called with the number of bytes that go from memory to the disk, before they are written. What
    it raises refuses the file.
    """

    def __init__(self, made: UploadFile, leave_memory: Callable[[int], None]) -> None:
        super().__init__(made.file, size=made.size, filename=made.filename, headers=made.headers)
        self._leave_memory = leave_memory

    async def write(self, data: bytes) -> None:
        """Append ``data``.

        Raises:
            ApiError: as :func:`on_disk`, and what ``leave_memory`` raises.
        """
        self.size = (self.size or 0) + len(data)
        if self._will_roll(len(data)):
            self._leave_memory(self.size if self._in_memory else len(data))
            await on_disk(self.file.write, data)
        else:
            self.file.write(data)

    async def seek(self, offset: int) -> None:
        """Go to ``offset``. Of a file on disk, the last bytes are written first.

        Raises:
            ApiError: as :func:`on_disk`.
        """
        if self._in_memory:
            self.file.seek(offset)
        else:
            await on_disk(self.file.seek, offset)

    async def close(self) -> None:
        """Close the file. Whatever was not written need not be, so a disk that fails or hangs is only logged."""
        if self._in_memory:
            self.file.close()
            return
        try:
            await UPLOADS.run(self.file.close)
        except OSError as error:
            log.warning("upload not closed", extra={"reason": str(error)})


async def on_disk(function: Callable[..., R], *arguments: Any) -> R:
    """Call a function that uses uploaded files.

    Raises:
        ApiError: 507, the disk is full; 503, it does not answer or fails.
    """
    try:
        return await UPLOADS.run(function, *arguments)
    except TimeoutError as error:
        raise ApiError(503, f"{error}; try again later") from None
    except OSError as error:
        log.error("upload not written", extra={"reason": str(error)})
        if error.errno in _FULL:
            raise ApiError(507, f"{UPLOADS.name}: expected room for the file, got a full disk") from None
        raise ApiError(503, f"{UPLOADS.name}: expected to write the file, got an error; see the log") from None
