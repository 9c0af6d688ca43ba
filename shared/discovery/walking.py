"""Walks a tree of folders that may hold anything: loops of links, pipes, unreadable folders, millions of files."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_DEPTH = 8
"""How deep below its root a tree is looked at."""

MAX_ENTRIES = 100_000
"""How many files and folders of a tree are looked at."""

Problem = Callable[[Path, str], None]
"""Told of a folder that cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the file system says of a regular file, links followed. A file of equal facts has not changed."""

    path: Path
    size_bytes: int
    modified_ns: int
    identity: tuple[int, int]

    @classmethod
    def of(cls, path: Path) -> FileFacts | None:
        """The facts of a file; None if it is not a regular file, or cannot be looked at."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return cls(path, found.st_size, found.st_mtime_ns, (found.st_dev, found.st_ino))


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """The visible entries of a folder, by name: folders, and everything else as ``names``.

    A walk enters the folders in ``folders`` that are not in ``closed``, which its user may fill.
    """

    path: Path
    names: tuple[str, ...]
    folders: tuple[str, ...]
    closed: set[str] = field(default_factory=set)

    def facts(self, *names: str) -> list[FileFacts]:
        """The facts of those of ``names`` that are regular files."""
        present = set(self.names) if len(names) > 1 else self.names
        found = (FileFacts.of(self.path / name) for name in names if name in present)
        return [facts for facts in found if facts is not None]

    def inner(self, name: str) -> ListedFolder:
        """The folder ``name`` in this one; an empty one if it cannot be read."""
        try:
            return list_folder(self.path / name, MAX_ENTRIES)
        except OSError:
            return ListedFolder(self.path / name, (), ())


def list_folder(path: Path, max_entries: int) -> ListedFolder:
    """List at most ``max_entries`` visible entries of a folder. Raises ``OSError``."""
    names: list[str] = []
    folders: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if len(names) + len(folders) >= max_entries:
                break
            (folders if _is_folder(entry) else names).append(entry.name)
    return ListedFolder(path, tuple(sorted(names)), tuple(sorted(folders)))


def walk(
    root: Path, problem: Problem, max_depth: int = MAX_DEPTH, max_entries: int = MAX_ENTRIES
) -> Iterator[ListedFolder]:
    """The folders of a tree, upper ones first, each once, hidden ones left out. Links are followed, wherever they lead.

    A folder that cannot be read and a tree with more than ``max_entries`` are told to ``problem``.
    """
    seen: set[tuple[int, int]] = set()
    waiting = deque([(root, 0)])
    left = max_entries
    while waiting:
        path, depth = waiting.popleft()
        if left <= 0:
            problem(root, f"expected at most {max_entries:,} files and folders, got more; the rest is not looked at")
            return
        try:
            found = path.stat()
            if (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
            folder = list_folder(path, left)
        except OSError as error:
            problem(path, f"cannot be read: {error.strerror or error}")
            continue
        left -= len(folder.names) + len(folder.folders)
        yield folder
        if depth < max_depth:
            waiting.extend((path / name, depth + 1) for name in folder.folders if name not in folder.closed)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
