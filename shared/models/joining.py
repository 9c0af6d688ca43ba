"""Joins a model whose files are in several folders, large ones in parts."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from shared.errors import ModelError

_PART = re.compile(r"(?P<name>.+)\.part(?P<number>\d{1,4})")
_COPY_BYTES = 1024 * 1024


def join_folders(folders: Iterable[Path], target: Path, sha256: str | None = None) -> tuple[str, ...]:
    """Copy the files of ``folders`` into ``target``, joining ``NAME.part1``, ``NAME.part2``, … into ``NAME``.

    Parts may also be numbered from 0: ``NAME.part00``, ``NAME.part01``.

    Returns:
        The names of the files, starting with those that were in parts.

    Raises:
        ModelError: a part is missing, or the first joined file has another hash than ``sha256``.
    """
    whole, parts = _sort_files(folders)
    for name, numbered in parts.items():
        first = 0 if 0 in numbered else 1
        if sorted(numbered) != list(range(first, first + len(numbered))):
            raise ModelError(f"{name}: expected parts {first} to {max(numbered)}, got {_listed(numbered)}")
    target.mkdir(parents=True, exist_ok=True)
    digests = [_write(target / name, [numbered[n] for n in sorted(numbered)]) for name, numbered in parts.items()]
    if sha256 and (not digests or digests[0] != sha256):
        found = digests[0] if digests else "no file in parts"
        raise ModelError(f"{next(iter(parts), 'model')}: expected sha256 {sha256}, got {found}")
    for name, file in whole.items():
        _write(target / name, [file])
    return (*parts, *whole)


def _sort_files(folders: Iterable[Path]) -> tuple[dict[str, Path], dict[str, dict[int, Path]]]:
    whole: dict[str, Path] = {}
    parts: defaultdict[str, dict[int, Path]] = defaultdict(dict)
    for folder in folders:
        for file in sorted(file for file in folder.iterdir() if file.is_file()):
            match = _PART.fullmatch(file.name)
            if match:
                parts[match["name"]][int(match["number"])] = file
            else:
                whole[file.name] = file
    return whole, dict(parts)


def _write(target: Path, sources: list[Path]) -> str:
    """Join ``sources`` into ``target``, which appears only when it is complete. Returns its SHA-256."""
    digest = hashlib.sha256()
    draft = target.with_name(target.name + ".part")
    with draft.open("wb") as out:
        for source in sources:
            with source.open("rb") as part:
                while block := part.read(_COPY_BYTES):
                    digest.update(block)
                    out.write(block)
    draft.replace(target)
    return digest.hexdigest()


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))
