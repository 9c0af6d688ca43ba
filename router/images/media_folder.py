"""Files of the media folder, opened in such a way that no path leads out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from router.schemas.errors import ApiError
from router.schemas.shown import shown


def read_media_file(folder: str, given: str, field: str, max_bytes: int) -> bytes:
    """The contents of the regular file that ``given`` names, by its path in ``folder`` (or an absolute one there).

    Links are followed where they stay inside. What lies outside is never opened, and the message is the same whether
    it exists or not.

    Raises:
        ApiError: 400, there is no such file in the folder; 413, it has more than ``max_bytes``.
    """
    if ".." in given.split("/"):
        raise ApiError(400, f"{field}: {shown(given)} has the step '..'; accepted are paths without it", field)
    try:
        descriptor = _open(_inside(folder, given))
    except (OSError, ValueError):
        raise ApiError(
            400,
            f"{field}: the server's media folder has no file {shown(given)}; accepted are a path in that folder, a "
            "data URL, base64, and a URL of a host that the operator allows",
            field,
        ) from None
    with open(descriptor, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ApiError(413, f"{field}: {shown(given)} is too large; accepted are up to {max_bytes} bytes", field)
    return data


def _inside(folder: str, given: str) -> tuple[Path, tuple[str, ...]]:
    """The resolved folder, and the steps from there to the file.

    Raises:
        OSError: there is no such file.
        ValueError: ``given`` can be no path, or leads out of the folder.
    """
    if not folder:
        raise FileNotFoundError(given)
    root = Path(os.path.realpath(folder, strict=True))
    named = Path(given)
    if named.is_absolute() and not (named.is_relative_to(folder) or named.is_relative_to(root)):
        raise FileNotFoundError(given)  # without a look at the disk
    resolved = Path(os.path.realpath(root / named, strict=True))
    return root, resolved.relative_to(root).parts


def _open(place: tuple[Path, tuple[str, ...]]) -> int:
    """Open a regular file step by step, following no link: whatever happens to the folder meanwhile, it is inside.

    Raises:
        OSError: there is no such file, or it is a link, a folder, a device or a pipe.
        ValueError: there are no steps.
    """
    root, (*folders, name) = place
    at = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in folders:
            inner = os.open(step, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = inner
        # A device must not even be opened, and a pipe must not be waited for if it takes the file's place just now.
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
