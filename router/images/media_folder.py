"""Reads files in the media folder, and none outside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from router.schemas.errors import ApiError
from router.schemas.shown import shown


def read_media_file(folder: str, given: str, field: str, max_bytes: int) -> bytes:
    """Read the regular file ``given``: a path relative to ``folder``, or an absolute path inside it.

    Symbolic links are followed if they stay inside. Files outside are never opened, and the error does not reveal
    whether they exist.

    Raises:
        ApiError: 400, the folder has no such file; 413, the file has more than ``max_bytes``.
    """
    if ".." in given.split("/"):
        raise ApiError(400, f"{field}: expected a path without '..', got {shown(given)}", field)
    try:
        descriptor = _open(*_resolve(folder, given))
    except (OSError, ValueError):
        raise ApiError(
            400,
            f"{field}: expected a file in the server's media folder, a data URL, base64 or a URL of an allowed host, "
            f"got {shown(given)}",
            field,
        ) from None
    with open(descriptor, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ApiError(413, f"{field}: expected at most {max_bytes} bytes, got more in {shown(given)}", field)
    return data


def _resolve(folder: str, given: str) -> tuple[Path, tuple[str, ...]]:
    """The folder and, relative to it, the components of the file's path; both without symbolic links.

    Raises:
        OSError: there is no such file.
        ValueError: ``given`` is not a valid path, or leads out of the folder.
    """
    if not folder:
        raise FileNotFoundError(given)
    root = Path(os.path.realpath(folder, strict=True))
    named = Path(given)
    if named.is_absolute() and not (named.is_relative_to(folder) or named.is_relative_to(root)):
        raise FileNotFoundError(given)  # without accessing the path: that could mount a file system
    resolved = Path(os.path.realpath(root / named, strict=True))
    return root, resolved.relative_to(root).parts


def _open(root: Path, components: tuple[str, ...]) -> int:
    """Open a regular file and return its descriptor.

    Each component is opened in turn without following links, so changes to the folder meanwhile cannot lead outside.

    Raises:
        OSError: there is no such file, or it is a link, a folder, a device or a pipe.
        ValueError: there are no components.
    """
    *folders, name = components
    parent = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            child = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            os.close(parent)
            parent = child
        # Checked before opening, since opening a device can have side effects. O_NONBLOCK, since the file may be
        # replaced by a pipe after the check.
        _check_regular(os.stat(name, dir_fd=parent, follow_symlinks=False), name)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        _check_regular(os.fstat(descriptor), name)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(facts: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise FileNotFoundError(name)
