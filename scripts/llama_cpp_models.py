"""Fetch the vocabularies and chat templates of real models, which come inside llama-cpp-python's source archive.

    python -m scripts.llama_cpp_models

It prints the folder that has them: ``ggml-vocab-*.gguf``, and ``templates/*.jinja``. pip fetches the archive of the
installed version (76 MB) once; the files of interest are kept in the user's cache folder.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from filelock import FileLock

_FOLDER = "vendor/llama.cpp/models"
_SUFFIXES = (".gguf", ".jinja")


class FetchError(Exception):
    """The archive could not be fetched; the message says why."""


def llama_cpp_models(archive: Path | None = None) -> Path:
    """The folder of vocabularies and templates, which is fetched if it is not in the cache.

    Args:
        archive: the source archive, if it is at hand; otherwise pip fetches it.

    Raises:
        FetchError: pip could not fetch it, or it is not the expected archive.
    """
    version = importlib.metadata.version("llama-cpp-python")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexa" / "llama.cpp"
    folder = cache / version
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as draft:
                unpack(archive or _download(version, Path(draft)), Path(draft, "models"))
                Path(draft, "models").rename(folder)
    return folder


def _download(version: str, folder: Path) -> Path:
    """The source archive. pip asks its build system for the metadata, which it fetches too, but compiles nothing."""
    wanted = f"llama-cpp-python=={version}"
    options = ["--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--no-binary", "llama-cpp-python"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FetchError(
            f"pip could not fetch {wanted}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
        )
    return next(folder.glob("*.tar.gz"))


def unpack(archive: Path, folder: Path) -> None:
    """Write the vocabularies of the archive into a new folder, and its templates into ``templates``.

    Raises:
        FetchError: it has none.
    """
    (folder / "templates").mkdir(parents=True)
    found = 0
    with tarfile.open(archive) as members:
        for member in members:
            path = PurePosixPath(member.name)
            inside = PurePosixPath(*path.parts[1:])
            if member.isfile() and inside.is_relative_to(_FOLDER) and inside.suffix in _SUFFIXES:
                place = "templates" if inside.suffix == ".jinja" else "."
                source = members.extractfile(member)
                assert source is not None
                with source, (folder / place / inside.name).open("wb") as target:
                    shutil.copyfileobj(source, target)
                found += 1
    if not found:
        raise FetchError(f"{archive.name}: expected vocabularies and templates in {_FOLDER}, got none")


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.llama_cpp_models", description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, metavar="TAR.GZ", help="the source archive, if it is at hand")
    options = parser.parse_args(words)
    try:
        print(llama_cpp_models(options.archive))
    except (FetchError, OSError, tarfile.TarError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
