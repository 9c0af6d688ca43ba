"""Which entry of the catalog a file of another program is: by its hash, or by its repository and its name there."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path, PurePath

from shared.engines.files import HubFile, Listing
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.source import HubSource


def find_entry(repo: str, file: str, engine: str, sha256: str = "") -> CatalogEntry | None:
    """The entry that is fetched from the hub as this file or folder, or None.

    ``file`` is its path in the repository; ``sha256`` is that of the file, if it is known.
    """
    by_hash, by_repo = _index()
    if sha256 in by_hash:
        return by_hash[sha256]
    return next((entry for entry in by_repo[repo.lower()] if entry.engine == engine and _is_file(entry, file)), None)


def path_in(root: Path | None, path: Path) -> str:
    """The path of a file below ``root``; empty for ``root`` itself, and for other files."""
    if root is None or not path.is_relative_to(root):
        return ""
    inner = path.relative_to(root).as_posix()
    return "" if inner == "." else inner


@cache
def _index() -> tuple[dict[str, CatalogEntry], defaultdict[str, list[CatalogEntry]]]:
    by_hash: dict[str, CatalogEntry] = {}
    by_repo: defaultdict[str, list[CatalogEntry]] = defaultdict(list)
    for entry in load_catalog():
        if entry.sha256:
            by_hash.setdefault(entry.sha256, entry)
        if isinstance(entry.source, HubSource):
            by_repo[entry.source.repo.lower()].append(entry)
    return by_hash, by_repo


def _is_file(entry: CatalogEntry, file: str) -> bool:
    assert isinstance(entry.source, HubSource)
    pattern = entry.source.pattern
    if not pattern or file.lower() == pattern.lower():
        return True
    listing = Listing(entry.source.repo, [HubFile(file, 0)], pattern)
    return bool(listing.matching(PurePath(file).suffix.lower()))
