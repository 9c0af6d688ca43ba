"""Files that may be a model, on this machine or in a hub repository."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from shared.gguf.header import GGUFHeader
from shared.kinds import JobKind


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file or folder that may be a model. ``header`` is that of a GGUF file (of its first part if it is split).

    ``tensor_names`` are those of all its parts.
    """

    path: Path
    header: GGUFHeader | None = None
    tensor_names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A recognised model. ``path`` is what its engine opens: a file (the first part of a split GGUF) or a folder."""

    path: Path
    engine: str
    kinds: tuple[JobKind, ...]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a hub repository. The hashes are hex: ``sha256`` of LFS files, ``git_sha1`` of all others."""

    path: str
    size_bytes: int
    sha256: str | None = None
    git_sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a hub repository, and the user's pattern (empty for none).

    A pattern is a glob (``*Q5_K_M*``), a path, or a part of a path (``Q5_K_M``), preferably a whole word. Case does not
    matter.
    """

    repo: str
    files: Sequence[HubFile]
    pattern: str = ""

    def matching(self, *suffixes: str) -> list[HubFile]:
        """The files with one of ``suffixes`` that match the pattern. Full matches exclude partial ones."""
        found = [file for file in self.files if file.path.lower().endswith(suffixes)]
        pattern = self.pattern.lower()
        if not pattern:
            return found
        exact = [file for file in found if _matches(file.path.lower(), pattern)]
        words = [file for file in found if has_word(file.path, pattern)]
        return exact or words or [file for file in found if pattern in file.path.lower()]


def has_word(text: str, word: str) -> bool:
    """Whether ``text`` contains ``word`` and no longer one: ``Q4_0`` is not in ``m-Q4_0_4_4``. Case does not matter."""
    return re.search(rf"(?<![a-z0-9]){re.escape(word.lower())}(?![a-z0-9_])", text.lower()) is not None


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)
