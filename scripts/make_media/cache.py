"""Keeps the pairs that tests and measurements share in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import gguf
from filelock import FileLock

from scripts.make_media.pairs import PAIRS, PairFiles, files_in, write_pair
from scripts.make_media.texts import smollm2


def made(name: str) -> PairFiles:
    """The files of a pair in the cache, which are made if they are not there, or if their code has changed.

    One process makes them, the others wait. It takes some seconds.

    Raises:
        ModelError: the packaged text model is missing.
        OSError: a file cannot be written.
    """
    pair = PAIRS[name]
    folder = cache_folder() / f"{name}-{_version()}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_folder() / f"{name}.lock"):
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
                    draft = Path(temporary) / "pair"
                    write_pair(pair, draft)
                    draft.rename(folder)
    return files_in(pair, folder)


def cache_folder() -> Path:
    """Where the pairs are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexa" / "media"


def _version() -> str:
    """Changes with whatever changes the files."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    read = b"".join(source.read_bytes() for source in sources)
    told = f"{smollm2().stat().st_size} {getattr(gguf, '__version__', '')}"
    return hashlib.sha256(read + told.encode()).hexdigest()[:10]
