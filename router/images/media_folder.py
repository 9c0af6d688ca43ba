"""Files of the media folder, opened so that no path leads out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from router.schemas.errors import ApiError
from router.schemas.shown import shown


def read_media_file(folder: str, given: str, field: str, max_bytes: int) -> bytes:
    """The contents of the regular file ``given``: a path relative to ``folder``, or an absolute path inside it.

    Links are followed if they stay inside. Files outside are never opened, and the error does not tell whether they
    exist.

    Raises:
        ApiError: 400, the folder has no such file; 413, the file has more than ``max_bytes``.
    """
    if ".." in given.split("/"):
        raise ApiError(400, f"{field}: expected a path without '..', got {shown(given)}", field)
    try:
        descriptor = _open(_inside(folder, given))
    except (OSError, ValueError):
        raise ApiError(
            400,
            f"{field}: expected a file in the server's media folder, got {shown(given)}; also possible: a data URL, "
            "base64, or a URL of an allowed host",
            field,
        ) from None
    with open(descriptor, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ApiError(413, f"{field}: expected at most {max_bytes} bytes, got more in {shown(given)}", field)
    return data


def _inside(folder: str, given: str) -> tuple[Path, tuple[str, ...]]:
    """The resolved folder, and the path components from there to the file.

    Raises:
        OSError: there is no such file.
        ValueError: ``given`` is not a valid path, or leads out of the folder.
    """
    if not folder:
        raise FileNotFoundError(given)
    root = Path(os.path.realpath(folder, strict=True))
    named = Path(given)
    if named.is_absolute() and not (named.is_relative_to(folder) or named.is_relative_to(root)):
        raise FileNotFoundError(given)  # before the disk is accessed
    resolved = Path(os.path.realpath(root / named, strict=True))
    return root, resolved.relative_to(root).parts


def _open(place: tuple[Path, tuple[str, ...]]) -> int:
    """Open a regular file component by component, following no links: changes to the folder cannot lead outside.

    Raises:
        OSError: there is no such file, or it is a link, a folder, a device or a pipe.
        ValueError: there are no components.
    """
    root, (*folders, name) = place
    at = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in folders:
            inner = os.open(step, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = inner
        # Checked before, since opening a device has effects; not blocking, since a pipe may replace the file just now.
        _check_regular(os.stat(name, dir_fd=at, follow_symlinks=False), name)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)
    try:
        _check_regular(os.fstat(descriptor), name)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(facts: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise FileNotFoundError(name)
